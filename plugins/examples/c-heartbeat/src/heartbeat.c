/* A collector in C: reports of scheduled jobs, `job=backup&status=failed&message=disk+full&at=1795338000&id=7`.
 *
 * It shows all four verdicts: a failed job is emitted, a job that is well is dropped as noise, a report without a job is
 * rejected, and a status that nobody knows is unknown. */
#include "collector.h"
#include "form.h"
#include <stdlib.h>
#include <string.h>

typedef exports_system_log_collector_collect_outcome_t outcome_t;
typedef system_log_collector_types_event_t event_t;
typedef system_log_collector_types_verdict_t verdict_t;

/* Seconds since 1970, at most 12 digits; anything else is no time, and the host decides what to make of its text. */
static collector_option_s64_t micros(const collector_string_t *text) {
    collector_option_s64_t none = {false, 0};
    int64_t seconds = 0;
    if (text->len == 0 || text->len > 12) return none;
    for (size_t i = 0; i < text->len; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9') return none;
        seconds = seconds * 10 + (text->ptr[i] - '0');
    }
    return (collector_option_s64_t){true, seconds * 1000000};
}

/* `job: message`, or the job alone. */
static collector_string_t row(const collector_string_t *job, const collector_string_t *message) {
    if (message->len == 0) return *job;
    collector_string_t text = {malloc(job->len + 2 + message->len), job->len + 2 + message->len};
    memcpy(text.ptr, job->ptr, job->len);
    memcpy(text.ptr + job->len, ": ", 2);
    memcpy(text.ptr + job->len + 2, message->ptr, message->len);
    return text;
}

static void emit(verdict_t *verdict, const collector_list_u8_t *form, const collector_string_t *job) {
    event_t *event = malloc(sizeof *event);
    memset(event, 0, sizeof *event); /* absent, empty, none: all of them are zero */
    collector_string_t message = form_field(form, "message");
    collector_string_t at = form_field(form, "at");
    collector_string_t org = form_field(form, "org");
    collector_string_set(&event->log, "system");
    collector_string_set(&event->kind, "job_failed");
    event->message = row(job, &message);
    event->subject = *job;
    event->dedupe_key = form_field(form, "id");
    if (at.len > 0) {
        event->occurred_at.is_some = true;
        event->occurred_at.val.micros = micros(&at);
        event->occurred_at.val.text = at;
        /* The contract's limit; longer ones may end within a character, so they say nothing at all. */
        if (at.len > 128) event->occurred_at.val.text.len = 0;
    }
    if (org.len > 0) {
        event->org_hints.ptr = malloc(sizeof *event->org_hints.ptr);
        event->org_hints.len = 1;
        event->org_hints.ptr[0].tag = SYSTEM_LOG_COLLECTOR_TYPES_ORG_HINT_ORG;
        event->org_hints.ptr[0].val.org = org;
    }
    verdict->tag = SYSTEM_LOG_COLLECTOR_TYPES_VERDICT_EMIT;
    verdict->val.emit.ptr = event;
    verdict->val.emit.len = 1;
}

static void judge(verdict_t *verdict, const collector_list_u8_t *form) {
    collector_string_t job = form_field(form, "job");
    collector_string_t status = form_field(form, "status");
    if (job.len == 0 || status.len == 0) {
        verdict->tag = SYSTEM_LOG_COLLECTOR_TYPES_VERDICT_REJECT;
        collector_string_set(&verdict->val.reject.code, "MISSING_FIELD");
        collector_string_set(&verdict->val.reject.message, job.len == 0 ? "job: required" : "status: required");
    } else if (says(&status, "failed")) {
        emit(verdict, form, &job);
    } else if (says(&status, "ok")) {
        verdict->tag = SYSTEM_LOG_COLLECTOR_TYPES_VERDICT_DROP;
        collector_string_set(&verdict->val.drop.f0, "MONITORING_NOISE");
        collector_string_set(&verdict->val.drop.f1, "a job that is well");
    } else {
        verdict->tag = SYSTEM_LOG_COLLECTOR_TYPES_VERDICT_UNKNOWN;
        verdict->val.unknown = status;
    }
}

void exports_system_log_collector_collect_collect(exports_system_log_collector_collect_call_t *call,
                                                  exports_system_log_collector_collect_list_input_t *inputs,
                                                  exports_system_log_collector_collect_list_outcome_t *ret) {
    (void)call;
    ret->len = inputs->len;
    ret->ptr = inputs->len == 0 ? NULL : malloc(inputs->len * sizeof *ret->ptr);
    for (size_t i = 0; i < inputs->len; i++) {
        outcome_t *outcome = &ret->ptr[i];
        memset(outcome, 0, sizeof *outcome);
        outcome->tag = SYSTEM_LOG_COLLECTOR_TYPES_OUTCOME_ONE;
        judge(&outcome->val.one, &inputs->ptr[i].payload);
    }
}

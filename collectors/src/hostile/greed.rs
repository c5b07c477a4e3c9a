//! Guests that want too much: memory, tables, stack, log.

use system_log_model::DeadLettered::{CollectorBadOutput, CollectorOutOfMemory, CollectorTimeout, CollectorTrapped};

use super::guest::{Guest, HONEST, MANIFEST};
use super::{collect, failed, good, host, limits, load, only_the_guilty_one_fails};
use crate::limits::HostLimits;

/// proves: S7
#[tokio::test]
async fn a_memory_bomb_is_refused_its_memory() {
    let bomb = "(loop $more (drop (memory.grow (i32.const 256))) (br $more))";
    let message = only_the_guilty_one_fails(&Guest { guilty: bomb, ..HONEST }, CollectorOutOfMemory).await;
    assert!(message.starts_with("wanted ") && message.ends_with(" bytes of memory"), "{message}");
}

/// proves: S7
#[tokio::test]
async fn memory_up_to_the_limit_is_granted_and_a_page_more_is_not() {
    let grow = |pages: u32| format!("(drop (memory.grow (i32.const {pages})))");
    let small = HostLimits { memory_bytes: 100 * 65_536, ..limits() };
    let (all, more) = (grow(36), grow(37)); // 64 it has
    let load = |guilty: &str| load(Guest { guilty, ..HONEST }.with(MANIFEST), small.clone()).unwrap();
    assert_eq!(collect(&load(&all), "!").await, [good()]);
    assert_eq!(failed(&collect(&load(&more), "!").await[0]).0, CollectorOutOfMemory);
}

/// proves: S7
#[test]
fn a_guest_that_is_born_too_large_is_not_let_in() {
    let limits = HostLimits { memory_bytes: 100 * 65_536, ..limits() };
    let born = |pages| load(Guest { pages, ..HONEST }.with(MANIFEST), limits.clone());
    assert!(born(100).is_ok());
    let refused = born(101).unwrap_err().to_string();
    assert!(refused.contains("does not start: wanted 6619136 bytes of memory"), "{refused}");
    let refused = born(65_536).unwrap_err().to_string();
    assert!(refused.contains("hostile.wasm is refused"), "more than a slot of the pool: {refused}");
}

/// proves: S7
#[tokio::test]
async fn a_manifest_may_lower_its_memory() {
    let guest = Guest { guilty: "(drop (memory.grow (i32.const 64)))", ..HONEST };
    let load = |mib: u32| load(guest.with(&format!("{MANIFEST}[limits]\nmemory_mib = {mib}")), limits());
    assert_eq!(collect(&load(8).unwrap(), "!").await, [good()]);
    assert_eq!(failed(&collect(&load(7).unwrap(), "!").await[0]).0, CollectorOutOfMemory);
    let refused = load(65).unwrap_err().to_string();
    assert!(refused.contains("limits.memory_mib: may only lower"), "{refused}");
}

/// proves: S7
#[tokio::test]
async fn a_table_bomb_is_refused_its_table() {
    let guilty = "(loop $more (drop (table.grow $t (ref.null func) (i32.const 4096))) (br $more))";
    let guest = Guest { items: "(table $t 1 funcref)", guilty, ..HONEST };
    let message = only_the_guilty_one_fails(&guest, CollectorOutOfMemory).await;
    assert!(message.starts_with("wanted a table of "), "{message}");
}

/// proves: S7
#[tokio::test]
async fn a_stack_overflow_is_a_trap_like_any_other() {
    let items = "(func $deep (result i32) (i32.add (call $deep) (i32.const 1)))";
    let guest = Guest { items, guilty: "(drop (call $deep))", ..HONEST };
    let message = only_the_guilty_one_fails(&guest, CollectorTrapped).await;
    assert!(message.contains("call stack exhausted"), "{message}");
}

const SHOUT: &str = "(call $log (i32.const 16) (i32.const 3) (i32.const 16) (i32.const 4000))";

#[tokio::test]
async fn a_flood_of_log_lines_costs_nobody_anything() {
    let flood = format!(
        "(local.set $input (i32.const 1000))
         (loop $again {SHOUT}
           (br_if $again (local.tee $input (i32.sub (local.get $input) (i32.const 1)))))"
    );
    let host = host(&Guest { guilty: &flood, ..HONEST });
    assert_eq!(collect(&host, "a!a").await, [good(), good(), good()]);
}

/// proves: S7
#[tokio::test]
async fn a_flood_without_end_is_cut_by_the_clock() {
    let flood = format!("(loop $ever {SHOUT} (br $ever))");
    only_the_guilty_one_fails(&Guest { guilty: &flood, ..HONEST }, CollectorTimeout).await;
}

#[tokio::test]
async fn a_log_line_that_is_no_text_is_the_guests_fault() {
    let guest = Guest {
        items: r#"(data (i32.const 64) "\ff\fe")"#,
        guilty: "(call $log (i32.const 16) (i32.const 3) (i32.const 64) (i32.const 2))",
        ..HONEST
    };
    let verdicts = collect(&host(&guest), "a!a").await;
    assert_eq!(failed(&verdicts[1]).0, CollectorBadOutput);
    assert_eq!((&verdicts[0], &verdicts[2]), (&good(), &good()));
}

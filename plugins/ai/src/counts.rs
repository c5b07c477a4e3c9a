//! Token counts in one meaning, whoever counted: prompt and completion are inclusive, their classes are subsets.
//!
//! Every provider's file has a `read` that knows its own spelling and what it includes; [`read`] finds out whose it is.

use serde_json::Value;
use system_log_plugin::{Json, Verdict};

use crate::doc::{Doc, count};
use crate::{anthropic, bedrock, cohere, gemini, openai};

/// What was counted. `None` where the source does not say, which is not the same as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) prompt: Option<i64>,
    pub(crate) completion: Option<i64>,
    pub(crate) total: Option<i64>,
    /// Of the prompt.
    pub(crate) cached: i64,
    /// Of the prompt.
    pub(crate) cache_write: i64,
    /// Of the completion.
    pub(crate) reasoning: i64,
    /// Of the prompt: audio, cached or not.
    pub(crate) audio: i64,
    /// Of the cached tokens.
    pub(crate) cached_audio: i64,
}

impl Counts {
    /// Whether anything was counted.
    pub(crate) const fn told(&self) -> bool {
        self.prompt.is_some() || self.completion.is_some() || self.total.is_some()
    }

    /// Prompt and completion together.
    pub(crate) fn sum(&self) -> i64 {
        self.prompt.unwrap_or(0) + self.completion.unwrap_or(0)
    }

    /// Where the total shows that the caches were counted beside the prompt, they become part of it.
    pub(crate) fn with_caches_beside(mut self) -> Self {
        let caches = self.cached + self.cache_write;
        if let Some(prompt) = self.prompt
            && caches > 0
            && self.total == Some(self.sum() + caches)
        {
            self.prompt = Some(prompt + caches);
        }
        self
    }

    /// The total as the source tells it, else the sum.
    pub(crate) fn all(&self) -> i64 {
        self.total.unwrap_or_else(|| self.sum())
    }
}

/// A provider's usage object.
pub(crate) struct Usage<'a> {
    json: Json<'a>,
    path: String,
}

impl Usage<'_> {
    /// A count at the first of some paths that has one.
    pub(crate) fn first(&self, paths: &[&str]) -> Result<Option<i64>, Verdict> {
        for path in paths {
            let value = self.json.at(path);
            if !value.is_null()
                && let Some(count) = count(value, || format!("{}{path}", self.path))?
            {
                return Ok(Some(count));
            }
        }
        Ok(None)
    }

    /// The same; absent is none.
    pub(crate) fn or_zero(&self, paths: &[&str]) -> Result<i64, Verdict> {
        Ok(self.first(paths)?.unwrap_or(0))
    }

    /// The sum of some counts; absent only when all are.
    pub(crate) fn sum(&self, groups: &[&[&str]]) -> Result<Option<i64>, Verdict> {
        let mut sum = None;
        for paths in groups {
            if let Some(count) = self.first(paths)? {
                sum = Some(sum.unwrap_or(0) + count);
            }
        }
        Ok(sum)
    }

    /// The sum of a count over the items of a list; absent when no item has it.
    pub(crate) fn each(&self, list: &str, name: &str) -> Result<Option<i64>, Verdict> {
        let mut sum = None;
        for item in self.json.at(list).as_array().into_iter().flatten() {
            let told = count(item.get(name).unwrap_or(&Value::Null), || format!("{}{list}.{name}", self.path))?;
            if let Some(told) = told {
                sum = Some(sum.unwrap_or(0_i64).saturating_add(told));
            }
        }
        Ok(sum)
    }

    /// Tokens of one modality in lists of `{modality, tokenCount}`.
    pub(crate) fn modality(&self, modality: &str, lists: &[&str]) -> Result<i64, Verdict> {
        let mut sum = 0_i64;
        for list in lists {
            for item in self.json.at(list).as_array().into_iter().flatten() {
                let name = item.get("modality").and_then(Value::as_str).unwrap_or_default();
                if name.eq_ignore_ascii_case(modality) {
                    let tokens = item.get("tokenCount").or_else(|| item.get("token_count")).unwrap_or(&Value::Null);
                    let told = count(tokens, || format!("{}{list}.tokenCount", self.path))?;
                    sum = told.unwrap_or(0).saturating_add(sum);
                }
            }
        }
        Ok(sum)
    }

    /// Whether something besides null stands at one of some paths.
    pub(crate) fn has(&self, paths: &[&str]) -> bool {
        paths.iter().any(|path| !self.json.at(path).is_null())
    }
}

/// Where a body keeps its usage, the most telling place first. The empty name is the body itself: a bare usage object.
const PLACES: [&str; 14] = [
    "usage",
    "usageMetadata",
    "usage_metadata",
    "x_groq.usage",
    "metadata.usage",
    "meta.usage",
    "meta",
    "message.usage",
    "delta.usage",
    "amazon-bedrock-invocationMetrics",
    "token_usage",
    "tokenUsage",
    "response_metadata.token_usage",
    "",
];

/// Which provider's spelling a usage object has, from its names alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    OpenAi,
    /// `input_tokens` without a word about caches: the same for everybody.
    Plain,
    Anthropic,
    Gemini,
    Bedrock,
    Cohere,
}

/// The counts of a body and whose spelling they have; `None` when it has no usage.
pub(crate) fn read(body: &Doc) -> Result<Option<(Spelling, Counts)>, Verdict> {
    for place in PLACES {
        // The empty place is the body itself.
        let value = if place.is_empty() { body.json().value() } else { body.json().at(place) };
        if !value.is_object() {
            continue;
        }
        let dot = if place.is_empty() { "" } else { "." };
        let usage = Usage { json: Json::over(value), path: body.path(&format!("{place}{dot}")) };
        if let Some(spelling) = spelling(&usage) {
            let counts = match spelling {
                Spelling::OpenAi | Spelling::Plain => openai::counts(&usage)?,
                Spelling::Anthropic => anthropic::counts(&usage)?,
                Spelling::Gemini => gemini::counts(&usage)?,
                Spelling::Bedrock => bedrock::counts(&usage)?,
                Spelling::Cohere => cohere::counts(&usage)?,
            };
            return Ok(Some((spelling, counts)));
        }
    }
    Ok(None)
}

fn spelling(usage: &Usage<'_>) -> Option<Spelling> {
    if usage.has(&gemini::NAMES) {
        Some(Spelling::Gemini)
    } else if usage.has(&bedrock::NAMES) {
        Some(Spelling::Bedrock)
    } else if usage.has(&["billed_units", "tokens.input_tokens", "tokens.output_tokens"]) {
        Some(Spelling::Cohere)
    } else if usage.has(&["prompt_tokens", "completion_tokens"]) {
        // Gateways add Anthropic's names to OpenAI's; the counts are OpenAI's then.
        Some(Spelling::OpenAi)
    } else if usage.has(&anthropic::NAMES) {
        Some(Spelling::Anthropic)
    } else if usage.has(&["input_tokens_details", "total_tokens"]) {
        Some(Spelling::OpenAi)
    } else {
        usage.has(&["input_tokens", "output_tokens"]).then_some(Spelling::Plain)
    }
}

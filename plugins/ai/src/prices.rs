//! What a request costs, by the operator's price table: exact decimals, one rounding at the end.
//!
//! Names are exact, case folded. Without a price the cost is not known, which is never 0.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;
use system_log_plugin::scalar;

use crate::counts::Counts;
use crate::decimal::{Decimal, divide};

/// The table that comes with the plugin, used when the configuration says `default_prices = true`.
const DEFAULT: &str = include_str!("prices/default.json");

/// The prices of a table, in USD per million tokens.
const RATES: [&str; 6] =
    ["input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "input_audio_mtok", "cache_audio_read_mtok"];

#[derive(Debug, Clone, Copy)]
enum Rate {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    Audio,
    CachedAudio,
}

type Rates = [Option<Decimal>; RATES.len()];

/// Prices of some models, or what is wrong with the entry.
type Entry = Rc<Result<Model, String>>;

#[derive(Debug)]
struct Model {
    base: Rates,
    /// Highest first.
    tiers: Vec<(i64, Rates)>,
}

/// A price table.
#[derive(Debug, Default)]
pub(crate) struct Prices {
    by_model: BTreeMap<String, Entry>,
}

/// Why a cost is not known, for the event's attributes.
pub(crate) type Unknown = String;

impl Prices {
    /// The table of a configuration. Batches bring the same one again and again, so the last is kept.
    pub(crate) fn of(config: &str) -> Rc<Self> {
        thread_local! {
            static LAST: RefCell<(String, Rc<Prices>)> = RefCell::default();
        }
        LAST.with_borrow_mut(|(known, prices)| {
            if known != config {
                *prices = Rc::new(Self::parse(config));
                config.clone_into(known);
            }
            Rc::clone(prices)
        })
    }

    fn parse(config: &str) -> Self {
        let config: Value = serde_json::from_str(config).unwrap_or_default();
        let mut prices = Self::default();
        if config.get("default_prices") == Some(&Value::Bool(true)) {
            prices.add(&serde_json::from_str(DEFAULT).unwrap_or_default());
        }
        prices.add(&config);
        prices
    }

    /// Adds the entries of a table; a later one replaces an earlier one of the same model.
    fn add(&mut self, config: &Value) {
        let entries = config.get("prices").and_then(Value::as_array).into_iter().flatten();
        for (at, entry) in entries.enumerate() {
            let model = model(entry).map_err(|mistake| format!("price table: prices[{at}].{mistake}"));
            let model: Entry = Rc::new(model);
            for name in entry.get("models").and_then(Value::as_array).into_iter().flatten() {
                self.by_model.insert(folded(&scalar(name)), Rc::clone(&model));
            }
        }
    }

    /// The cost of a request in 10⁻⁹ USD, by the first of its model's names that has a price.
    pub(crate) fn cost(&self, models: &[&str], counts: &Counts) -> Result<i64, Unknown> {
        let Some(prompt) = counts.prompt else { return Err("no usage".into()) };
        if counts.completion.is_none() && counts.total.is_some_and(|total| total != prompt) {
            return Err("completion not told".into());
        }
        let entry = models.iter().find_map(|name| self.by_model.get(&folded(name)));
        match entry.map(Rc::as_ref) {
            Some(Ok(model)) => model.cost(prompt, counts),
            Some(Err(mistake)) => Err(mistake.clone()),
            None => Err("no price for this model".into()),
        }
    }
}

impl Model {
    fn cost(&self, prompt: i64, counts: &Counts) -> Result<i64, Unknown> {
        let rate = |rate: Rate| self.rate(rate, prompt);
        let input = rate(Rate::Input);
        // Audio has a class of its own only where it has a price of its own.
        let audio_rate = rate(Rate::Audio);
        let cached_audio_rate = rate(Rate::CachedAudio).or(audio_rate);
        let cached_audio = if cached_audio_rate.is_some() { counts.cached_audio } else { 0 };
        let audio = if audio_rate.is_some() { counts.audio - counts.cached_audio } else { 0 };
        let cached = counts.cached - cached_audio;
        let fresh = prompt - counts.cached - counts.cache_write - audio;
        if fresh < 0 || cached < 0 || audio < 0 {
            return Err("the classes of the prompt are more than the prompt".into());
        }
        sum(&[
            (fresh, input, Rate::Input),
            (audio, audio_rate, Rate::Audio),
            (cached, rate(Rate::CacheRead).or(input), Rate::CacheRead),
            (cached_audio, cached_audio_rate, Rate::CachedAudio),
            (counts.cache_write, rate(Rate::CacheWrite).or(input), Rate::CacheWrite),
            (counts.completion.unwrap_or(0), rate(Rate::Output), Rate::Output),
        ])
    }

    /// A price for a prompt of that length: that of the highest tier below it that has one, else the base price.
    fn rate(&self, rate: Rate, prompt: i64) -> Option<&Decimal> {
        let tiers = self.tiers.iter().filter(|(above, _)| prompt > *above).map(|(_, rates)| rates);
        tiers.chain([&self.base]).find_map(|rates| rates[rate as usize].as_ref())
    }
}

/// Tokens times prices, in 10⁻⁹ USD.
fn sum(parts: &[(i64, Option<&Decimal>, Rate)]) -> Result<i64, Unknown> {
    let mut terms = Vec::with_capacity(parts.len());
    for (tokens, price, rate) in parts.iter().filter(|(tokens, ..)| *tokens > 0) {
        let Some(price) = price else { return Err(format!("no {} for this model", RATES[*rate as usize])) };
        terms.push((i128::from(*tokens), price.scaled().ok_or_else(too_large)?));
    }
    let scale = terms.iter().map(|(_, (_, scale))| *scale).max().unwrap_or(0);
    let mut sum = 0_i128;
    for (tokens, (mantissa, own)) in terms {
        let term = 10_i128.checked_pow(scale - own).and_then(|factor| mantissa.checked_mul(factor));
        let term = term.and_then(|price| price.checked_mul(tokens));
        sum = term.and_then(|term| sum.checked_add(term)).ok_or_else(too_large)?;
    }
    // USD per million tokens is 10⁻⁶ USD, 1,000 × 10⁻⁹ USD, per token.
    let thousand = sum.checked_mul(1_000).ok_or_else(too_large)?;
    let divisor = 10_i128.checked_pow(scale).ok_or_else(too_large)?;
    i64::try_from(divide(thousand, divisor)).map_err(|_| too_large())
}

fn too_large() -> Unknown {
    "too large to compute".into()
}

fn model(entry: &Value) -> Result<Model, String> {
    if !entry.get("models").is_some_and(Value::is_array) {
        return Err("models: a list of names".into());
    }
    let mut tiers = Vec::new();
    for (at, tier) in entry.get("tiers").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let above = crate::doc::count(tier.get("above").unwrap_or(&Value::Null), || "above".to_owned()).ok().flatten();
        let above = above.ok_or_else(|| format!("tiers[{at}].above: a whole number of tokens"))?;
        tiers.push((above, rates(tier).map_err(|mistake| format!("tiers[{at}].{mistake}"))?));
    }
    tiers.sort_by_key(|(above, _)| std::cmp::Reverse(*above));
    Ok(Model { base: rates(entry)?, tiers })
}

fn rates(entry: &Value) -> Result<Rates, String> {
    let mut rates = Rates::default();
    for (rate, name) in rates.iter_mut().zip(RATES) {
        let value = entry.get(name).unwrap_or(&Value::Null);
        if !value.is_null() {
            let price = Decimal::parse(&scalar(value)).filter(|price| !price.is_negative() && price.scaled().is_some());
            *rate = Some(price.ok_or_else(|| format!("{name}: a decimal number of USD per million tokens"))?);
        }
    }
    Ok(rates)
}

/// As everywhere in the log: each character's lower case.
fn folded(name: &str) -> String {
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.chars().flat_map(char::to_lowercase).collect() }
}

#[cfg(test)]
mod tests;

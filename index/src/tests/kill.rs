//! A process that is killed loses nothing it acknowledged, wherever it was. proves: S2
//!
//! The test binary starts itself as a child that stores, applies, closes days and forgets, writing down beside its folder what
//! it is about to store and what was acknowledged. The parent kills it – at a named place ([`crate::failpoint`]) or at any
//! moment – and then looks: every acknowledged event by list and export, one group in twenty also by id, word and *contains*,
//! nothing twice, no half group, no row that nobody sent, and the whole folder by `verify`.

mod child;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use system_log_model::query::Range;
use system_log_model::search::Search;
use system_log_model::{Log, Timestamp, retention};

use super::random::{ORGS, rng};
use super::{Rig, event, everything, first_page, wait};
use crate::failpoint::{ALL, Failpoint, VARIABLE};
use crate::{Appended, Store, StoreLimits, Stored};
use work::{Item, Sent, letter_of, member_of};

const DAY_MICROS: i64 = 86_400_000_000;
/// Where a folder that is not sound is copied to, if anywhere.
const KEEP: &str = "SYSTEM_LOG_KILL_KEEP";
/// A child that does nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The signals of `abort` and of a kill.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// How a child ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Where the store says so, at the n-th time.
    At(Failpoint, u32),
    /// The same, or by itself when that place is not reached so often.
    Perhaps(Failpoint, u32),
    /// When it has acknowledged so many more groups.
    After(usize),
}

fn tight() -> StoreLimits {
    StoreLimits {
        apply_interval: Duration::from_millis(5),
        apply_events: 200,
        writers: 1,
        open_days: 3,
        live_days: 2,
        segment_bytes: 20_000,
        late_rows: 200,
        ..StoreLimits::default()
    }
}

/// What the parent knows.
struct Parent {
    rig: Rig,
    /// By number: what a child was about to store.
    items: BTreeMap<u64, Item>,
    acked: BTreeSet<u64>,
    /// A number is never used again.
    next: u64,
    rng: StdRng,
}

impl Parent {
    fn new(seed: u64) -> Self {
        Self { rig: Rig::in_memory(tight()), items: BTreeMap::new(), acked: BTreeSet::new(), next: 1, rng: rng(seed) }
    }

    fn now(&self) -> Timestamp {
        system_log_model::Clock::now(&*self.rig.clock)
    }

    /// Time goes by between two lives; to let things expire, nearly the whole retention.
    fn pass_time(&mut self, end: End) {
        let days = match end {
            End::At(Failpoint::SweepDay | Failpoint::SweepKeys, _) => 92,
            // So that there is a day that nobody wrote to.
            End::At(Failpoint::EngineMade, _) => 2,
            _ if self.rng.random_bool(0.04) => 87,
            _ => self.rng.random_range(0..2),
        };
        let part = self.rng.random_range(0..DAY_MICROS);
        self.rig.clock.set(self.now().plus_micros(days * DAY_MICROS + part));
    }

    /// One life and one death; then everything is looked at.
    fn round(mut self, end: End) -> Self {
        self.pass_time(end);
        let beside = tempfile::tempdir().unwrap();
        let now = self.now();
        let Self { rig, mut items, mut acked, next, rng } = self;
        let rig = rig.reopen_after(|folder| {
            let status = live(folder, beside.path(), next, now, end);
            let is_expected = match end {
                End::At(..) => status.signal() == Some(SIGABRT),
                End::Perhaps(..) => status.signal() == Some(SIGABRT) || status.success(),
                End::After(_) => status.signal() == Some(SIGKILL),
            };
            assert!(is_expected, "{end:?} was not reached: {status}\n{}", read_log(beside.path()));
            let sent = Sent::read(beside.path());
            items.extend(sent.items);
            acked.extend(sent.acked);
            let report = Store::verify(folder).unwrap();
            if let Some(keep) = std::env::var_os(KEEP).filter(|_| !report.problems.is_empty()) {
                super::rebuild::copy(folder, Path::new(&keep));
            }
            assert_eq!(report.problems, [], "after {end:?}");
        });
        let next = items.last_key_value().map_or(next, |(number, _)| next.max(number + 1));
        let mut parent = Self { rig, items, acked, next, rng };
        parent.look(end);
        parent.retry(end);
        parent
    }

    /// Whatever is on disk is what was sent: whole groups, each once, every acknowledged one.
    fn look(&mut self, end: End) {
        let store = &self.rig.store;
        let (now, snapshot) = (self.now(), store.snapshot());
        let cutoff = retention::cutoff(now);
        let mut found: BTreeMap<u64, Vec<Stored>> = BTreeMap::new();
        for query in all_logs(now) {
            let rows: Vec<Stored> = store.scan(query.clone(), snapshot, None).flat_map(Result::unwrap).collect();
            assert_eq!(store.count(&query, snapshot).unwrap(), rows.len() as u64, "{end:?}");
            assert_eq!(first_page(store, &query, 100_000).rows, rows, "{end:?}: list and export differ");
            for row in rows {
                let number = work::number_of(&row.event.message).expect("a row that was never sent");
                found.entry(number).or_default().push(row);
            }
        }
        for (number, item) in &self.items {
            let mut expected = item.events();
            expected.retain(|event| event.occurred_at >= cutoff);
            let mut rows = found.remove(number).unwrap_or_default();
            rows.sort_by_key(|row| row.id.sequence);
            let is_there = !rows.is_empty() || expected.is_empty();
            assert!(is_there || !self.acked.contains(number), "{end:?}: group {number} was acknowledged and is gone");
            if is_there {
                let events: Vec<_> = rows.iter().map(|row| row.event.clone()).collect();
                assert_eq!(events, expected, "{end:?}: group {number} is not what was sent");
            }
            if is_there && self.rng.random_bool(0.05) {
                rows.iter().for_each(|row| look_closely(store, row, now));
            }
            self.look_at_changes(*number, item, now);
        }
        assert!(found.is_empty(), "{end:?}: rows of groups that nobody sent: {:?}", found.keys());
    }

    fn look_at_changes(&self, number: u64, item: &Item, now: Timestamp) {
        let store = &self.rig.store;
        if !self.acked.contains(&number) || !item.has_changes() {
            return;
        }
        let letter = letter_of(number, item.at);
        if letter.received_at >= retention::cutoff(now) {
            assert_eq!(store.dead_letter(&letter.id).unwrap(), Some(letter));
        }
        let (org, member) = member_of(number);
        assert_eq!(store.member(&org, &member.id), Some(member));
    }

    /// What was in doubt is sent again and is then there once.
    fn retry(&mut self, end: End) {
        let doubtful: Vec<u64> = self.items.keys().copied().filter(|number| !self.acked.contains(number)).collect();
        for number in doubtful {
            let item = &self.items[&number];
            let answer = wait(self.rig.store.append_with(vec![item.group()], item.changes())).unwrap();
            let is_new = matches!(answer[0], Appended::Stored(_));
            self.acked.insert(number);
            let again = wait(self.rig.store.append(vec![item.group()])).unwrap();
            assert!(matches!(again[0], Appended::Duplicate(_)), "{end:?}: {number} twice; new before: {is_new}");
        }
        // And of what was acknowledged, something from anywhere.
        let known: Vec<u64> = self.items.keys().copied().filter(|number| self.acked.contains(number)).collect();
        let some: Vec<u64> = known.choose_multiple(&mut self.rng, 20).copied().collect();
        for number in some {
            let item = &self.items[&number];
            if item.at < retention::cutoff(self.now()) {
                continue;
            }
            let again = wait(self.rig.store.append(vec![item.group()])).unwrap();
            assert!(matches!(again[0], Appended::Duplicate(_)), "{end:?}: {number} was stored a second time");
        }
        // What expired is not asked for again.
        let cutoff = retention::cutoff(self.now());
        self.items.retain(|_, item| item.at >= cutoff);
    }
}

/// Every organisation's every log.
fn all_logs(now: Timestamp) -> impl Iterator<Item = system_log_model::Query> + Clone {
    let range = Range { start: retention::cutoff(now), end: now.plus_micros(DAY_MICROS) };
    ORGS.iter().flat_map(move |org| {
        [Log::System, Log::Email, Log::AiUsage].map(|log| {
            let mut query = everything(org);
            query.filter.log = log;
            query.range = range;
            query
        })
    })
}

/// One row by id, by its word and by a part of that word.
fn look_closely(store: &Store, row: &Stored, now: Timestamp) {
    assert_eq!(store.get(&row.event.org, row.id).unwrap().as_ref(), Some(row));
    let word = row.event.message.split(' ').next().unwrap();
    let mut query =
        all_logs(now).find(|query| query.org == row.event.org && query.filter.log == row.event.log).unwrap();
    query.filter.search = Search::parse(word).unwrap();
    assert_eq!(first_page(store, &query, 9).rows, std::slice::from_ref(row), "by the word {word}");
    query.filter.search = None;
    query.filter.contains.message = Some(word[1..].to_owned());
    assert_eq!(first_page(store, &query, 9).rows, std::slice::from_ref(row), "by a part of {word}");
}

/// Starts a child and sees it end.
fn live(folder: &Path, beside: &Path, first: u64, now: Timestamp, end: End) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::kill::child::life", "--ignored", "--nocapture"]);
    command.env(child::FOLDER, folder).env(child::BESIDE, beside);
    command.env(child::FIRST, first.to_string()).env(child::NOW, now.micros().to_string());
    if let End::At(point, times) | End::Perhaps(point, times) = end {
        command.env(VARIABLE, format!("{point:?}:{times}"));
    }
    let log = fs::File::create(beside.join("log")).unwrap();
    command.stdout(Stdio::null()).stderr(log);
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if let End::After(groups) = end
            && Sent::acknowledged(beside) >= groups
        {
            child.kill().unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "{end:?}: the child does not get on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn read_log(beside: &Path) -> String {
    fs::read_to_string(beside.join("log")).unwrap_or_default()
}

/// So many deaths: first every named place, the others at any moment or at a place that is reached often.
fn kills(seed: u64, count: usize) {
    let mut parent = Parent::new(seed);
    for at in 0..count {
        let end = match ALL.get(at) {
            Some(point) => End::At(*point, 1),
            None if parent.rng.random_bool(0.5) => End::After(parent.rng.random_range(1..120)),
            None => {
                let point = *ALL.choose(&mut parent.rng).unwrap();
                End::Perhaps(point, parent.rng.random_range(1..=2))
            }
        };
        parent = parent.round(end);
    }
}

#[test]
fn nothing_acknowledged_is_lost_wherever_it_is_killed() {
    kills(1, 50);
}

/// The same for long: `cargo xtask kill`.
#[test]
#[ignore = "half an hour; run by cargo xtask kill"]
fn nothing_acknowledged_is_lost_in_many_deaths() {
    let count = std::env::var("SYSTEM_LOG_KILLS").ok().and_then(|text| text.parse().ok());
    let mut left: usize = count.unwrap_or(1_000);
    // Everything there is is looked at after each death, so a folder that lives for long would take ever longer.
    let first = std::env::var("SYSTEM_LOG_KILL_SEED").ok().and_then(|text| text.parse().ok());
    for seed in first.unwrap_or(100).. {
        let some = left.min(50);
        if some == 0 {
            break;
        }
        kills(seed, some);
        left -= some;
        eprintln!("seed {seed}: {some} deaths, {left} left");
    }
}

#[test]
fn a_message_says_which_group_it_is_of() {
    let at = Timestamp::from_micros(0);
    assert_eq!(work::number_of(&Item { number: 17, at }.events()[0].message), Some(17));
    assert_eq!(work::number_of(&event("acme", at, "anything").message), None);
}

//! What is stored, told by its number alone, and the notes beside the folder of what was sent and what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use parking_lot::Mutex;
use rand::Rng;
use system_log_model::{ActorKind, DeadLetter, Event, Member, OrgId, Timestamp};

use super::super::random::{ORGS, random_event, rng};
use super::super::{clean, key, org};
use crate::{Change, Group};

/// How far back the events of a group reach, in hours.
const HOURS: i64 = 5 * 24;

/// A group: its number says what is in it, its time when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) number: u64,
    /// When it was sent.
    pub(super) at: Timestamp,
}

impl Item {
    fn org(self) -> &'static str {
        ORGS[(self.number % ORGS.len() as u64) as usize]
    }

    /// Its events as they are stored, in order.
    pub(super) fn events(self) -> Vec<Event> {
        let mut rng = rng(self.number);
        let count = rng.random_range(1..=12_u64);
        let event = |n: u64| {
            let mut event = random_event(&mut rng);
            event.org = org(self.org());
            event.received_at = self.at;
            event.occurred_at = self.at.plus_micros(-rng.random_range(0..HOURS) * 3_600_000_000);
            event.message = format!("w{:06}x{n}q {}", self.number, event.message);
            clean(event).into_event()
        };
        (0..count).map(event).collect()
    }

    pub(super) fn group(self) -> Group {
        let events = self.events().into_iter().map(clean).collect();
        Group { key: Some(key(self.org(), &self.number.to_string())), claim: None, events }
    }

    pub(super) const fn has_changes(self) -> bool {
        self.number.is_multiple_of(5)
    }

    pub(super) fn changes(self) -> Vec<Change> {
        if !self.has_changes() {
            return Vec::new();
        }
        let (org, member) = member_of(self.number);
        vec![Change::PutDeadLetter(letter_of(self.number, self.at)), Change::UpsertMember { org, member }]
    }
}

/// The letter that is kept together with a group.
pub(super) fn letter_of(number: u64, at: Timestamp) -> DeadLetter {
    DeadLetter {
        id: format!("{number:020}"),
        source: "webhook".into(),
        org: None,
        received_at: at,
        reason: "MAPPING_FAILED".into(),
        message: "no".into(),
        collector: "webhook".into(),
        collector_version: "1".into(),
        attempts: 1,
        content_type: "application/json".into(),
        headers: Vec::new(),
        idempotency_key: String::new(),
        payload: number.to_le_bytes().repeat(20),
    }
}

/// The member that is entered together with a group.
pub(super) fn member_of(number: u64) -> (OrgId, Member) {
    let member = Member {
        id: format!("u{number}"),
        email: format!("u{number}@example.com"),
        display_name: String::new(),
        kind: ActorKind::User,
    };
    (org(ORGS[(number % 3) as usize]), member)
}

/// Of which group an event is.
pub(super) fn number_of(message: &str) -> Option<u64> {
    message.strip_prefix('w')?.split_once('x')?.0.parse().ok()
}

/// A child's notes: a line is one write, so that a kill leaves it whole or not there.
pub(super) struct Notes {
    sent: Mutex<File>,
    acked: Mutex<File>,
}

impl Notes {
    pub(super) fn at(beside: &Path) -> Self {
        let open = |name| OpenOptions::new().create(true).append(true).open(beside.join(name)).unwrap();
        Self { sent: Mutex::new(open("sent")), acked: Mutex::new(open("acked")) }
    }

    pub(super) fn sent(&self, item: Item) {
        self.sent.lock().write_all(format!("{} {}\n", item.number, item.at.micros()).as_bytes()).unwrap();
    }

    pub(super) fn acked(&self, item: Item) {
        self.acked.lock().write_all(format!("{}\n", item.number).as_bytes()).unwrap();
    }
}

/// The notes, read by the parent.
pub(super) struct Sent {
    pub(super) items: BTreeMap<u64, Item>,
    pub(super) acked: BTreeSet<u64>,
}

impl Sent {
    pub(super) fn read(beside: &Path) -> Self {
        let text = |name| fs::read_to_string(beside.join(name)).unwrap_or_default();
        let item = |line: &str| {
            let (number, at) = line.split_once(' ').unwrap();
            let item = Item { number: number.parse().unwrap(), at: Timestamp::from_micros(at.parse().unwrap()) };
            (item.number, item)
        };
        Self {
            items: text("sent").lines().map(item).collect(),
            acked: text("acked").lines().map(|line| line.parse().unwrap()).collect(),
        }
    }

    /// How many groups were acknowledged so far.
    pub(super) fn acknowledged(beside: &Path) -> usize {
        fs::read(beside.join("acked")).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
    }
}

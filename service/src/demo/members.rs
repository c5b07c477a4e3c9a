//! The people of the demo organisation, and its bot.

use system_log_model::{ActorKind, Member};

/// (id, name, address).
pub(super) const PEOPLE: [(&str, &str, &str); 8] = [
    ("u-ada", "Ada Lovelace", "ada@example.com"),
    ("u-alan", "Alan Turing", "alan@example.com"),
    ("u-grace", "Grace Hopper", "grace@example.com"),
    ("u-linus", "Linus Weber", "linus@example.com"),
    ("u-mei", "陈美 (Mei Chen)", "mei@example.com"),
    ("u-jose", "José Núñez", "jose@example.com"),
    ("u-aylin", "Aylin Işık", "aylin@example.com"),
    ("u-olga", "Ольга Петрова", "olga@example.com"),
];

/// The automation account.
pub(super) const BOT: (&str, &str) = ("u-bot", "Process bot");

pub(super) fn all() -> Vec<Member> {
    let person = |(id, name, email): (&str, &str, &str)| Member {
        id: id.into(),
        email: email.into(),
        display_name: name.into(),
        kind: ActorKind::User,
    };
    let bot =
        Member { id: BOT.0.into(), email: "bot@example.com".into(), display_name: BOT.1.into(), kind: ActorKind::Bot };
    PEOPLE.into_iter().map(person).chain([bot]).collect()
}

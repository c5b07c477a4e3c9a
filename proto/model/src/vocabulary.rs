//! The closed sets every other rule is written in: logs, categories, severities, kinds of actor.
//!
//! Names here are the lower-case ones of CSV, URLs and facets (`ai_usage`, `webhook`, `error`). How the wire spells them is
//! not known here.

use serde::{Deserialize, Serialize};

/// Declares an enum whose members have one stable lower-case name each.
macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Every member, in rank order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The stable lower-case name, as in CSV and URLs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The member of that exact name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some($name::$variant),)+ _ => None }
            }

            /// The member of that rank (the index in [`Self::ALL`]), as stored on disk.
            #[must_use]
            pub fn from_rank(rank: u8) -> Option<Self> {
                Self::ALL.get(usize::from(rank)).copied()
            }

            /// Position in [`Self::ALL`]; the sort rank and the stored form.
            #[must_use]
            pub const fn rank(self) -> u8 {
                self as u8
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

named! {
    /// One of the three logs an organisation has. Ranks are part of the on-disk format.
    Log {
        /// What the SaaS did on the organisation's behalf.
        System = "system",
        /// Per-recipient delivery events of the e-mail provider.
        Email = "email",
        /// One row for each use of an AI model or tool.
        AiUsage = "ai_usage",
    }
}

named! {
    /// The five categories of the system log; no other log has categories. Ranks are part of the on-disk format.
    Category {
        /// Calls to the customer's own endpoints.
        Webhook = "webhook",
        /// Send attempts on the server's side.
        Email = "email",
        /// Payments and subscriptions.
        Billing = "billing",
        /// Sign-in, roles, sharing, and who looked at the log.
        Security = "security",
        /// What the automation account did.
        Process = "process",
    }
}

named! {
    /// How much an event matters; sorted by this rank, not by name. Ranks are part of the on-disk format.
    Severity {
        /// As expected.
        Info = "info",
        /// Worth a look.
        Warning = "warning",
        /// Something failed.
        Error = "error",
    }
}

named! {
    /// What an actor is. Ranks are part of the on-disk format.
    ActorKind {
        /// A person.
        User = "user",
        /// The organisation's automation account.
        Bot = "bot",
        /// An internal service.
        Service = "service",
        /// Nobody known, for example before sign-in.
        Anonymous = "anonymous",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ranks_go_there_and_back() {
        for log in Log::ALL {
            assert_eq!(Log::from_name(log.name()), Some(*log));
            assert_eq!(Log::from_rank(log.rank()), Some(*log));
        }
        assert_eq!(Severity::from_rank(3), None);
        assert!(Severity::Error > Severity::Warning && Severity::Warning > Severity::Info);
    }
}

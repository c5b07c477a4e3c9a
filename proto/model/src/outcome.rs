//! The stable reasons of per-record results. Their spelling is part of the contract.

/// Declares a reason enum with its UPPER_SNAKE names.
macro_rules! reasons {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Every reason.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The name clients see.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The reason of that exact name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

reasons! {
    /// Malformed or not allowed; the sender must change something.
    Rejected {
        /// The payload cannot be read.
        MalformedPayload = "MALFORMED_PAYLOAD",
        /// A required field is absent.
        MissingField = "MISSING_FIELD",
        /// The kind is not in the catalogue or not in the plugin's manifest.
        KindNotDeclared = "KIND_NOT_DECLARED",
        /// A plausible time before the retention window.
        TooOld = "TOO_OLD",
        /// Nothing names an organisation.
        OrgMissing = "ORG_MISSING",
        /// The token may not write to that organisation.
        OrgNotAllowed = "ORG_NOT_ALLOWED",
        /// Over [`crate::limits::MAX_PAYLOAD_BYTES`].
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        /// Not a media type the collector reads.
        UnsupportedContentType = "UNSUPPORTED_CONTENT_TYPE",
    }
}

reasons! {
    /// Deliberately not kept.
    Dropped {
        /// Uptime probes, capacity forecasts, queue checks.
        MonitoringNoise = "MONITORING_NOISE",
        /// Known and not logged, for example opens and clicks.
        NotLogged = "NOT_LOGGED",
        /// A pre-authentication event without an address.
        NoAttemptedEmail = "NO_ATTEMPTED_EMAIL",
        /// The address is nobody's.
        NoMatchingMember = "NO_MATCHING_MEMBER",
    }
}

reasons! {
    /// Kept aside, guarded, to be replayed.
    DeadLettered {
        /// The hint leads to no organisation yet.
        OrgUnresolved = "ORG_UNRESOLVED",
        /// Well formed, of a type the collector does not know.
        UnknownEvent = "UNKNOWN_EVENT",
        /// The plugin trapped.
        CollectorTrapped = "COLLECTOR_TRAPPED",
        /// The plugin did not come back in time.
        CollectorTimeout = "COLLECTOR_TIMEOUT",
        /// The plugin wanted more memory than it may have.
        CollectorOutOfMemory = "COLLECTOR_OUT_OF_MEMORY",
        /// The plugin answered against the contract.
        CollectorBadOutput = "COLLECTOR_BAD_OUTPUT",
        /// The plugin is switched off because it kept failing.
        CollectorQuarantined = "COLLECTOR_QUARANTINED",
    }
}

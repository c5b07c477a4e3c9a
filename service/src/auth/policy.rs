//! Which role each RPC demands. Denied by default: what is not in the table is answered to nobody. A test walks the
//! descriptor set and fails for an RPC without a row.

use super::Role;

/// What a route demands of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Nothing.
    Nothing,
    /// What the route itself demands: a signature, or a token that may stand in a form.
    Own,
    /// A valid token of whatever role; nothing in development.
    AnyToken,
    /// A valid token of this role.
    Role(Role),
}

const OWN: &str = "/systemlog.v1.";
const EXPORT: &str = "/export.csv";
const HOOKS: &str = "/hooks/";

/// One row for each RPC.
const RPCS: &[(&str, Role)] = &[
    ("IngestService/Ingest", Role::Ingest),
    ("IngestService/IngestStream", Role::Ingest),
    ("LogService/ListEvents", Role::Admin),
    ("LogService/GetEvent", Role::Admin),
    ("LogService/SummarizeEvents", Role::Admin),
    ("LogService/SummarizeAiUsage", Role::Admin),
    ("LogService/ListActors", Role::Admin),
    ("LogService/DescribeLogs", Role::Admin),
    ("LogService/ExportCsv", Role::Admin),
    ("LogService/TailEvents", Role::Admin),
    ("DirectoryService/UpsertMembers", Role::Directory),
    ("DirectoryService/DeleteMembers", Role::Directory),
    ("DirectoryService/ListMembers", Role::Directory),
    ("DirectoryService/UpsertBindings", Role::Directory),
    ("DirectoryService/DeleteBindings", Role::Directory),
    ("DirectoryService/ListBindings", Role::Directory),
    ("CollectorService/ListCollectors", Role::Operator),
    ("CollectorService/TestCollector", Role::Operator),
    ("CollectorService/ReloadCollectors", Role::Operator),
    ("CollectorService/ListDeadLetters", Role::Operator),
    ("CollectorService/ReplayDeadLetters", Role::Operator),
    ("KeyService/CreateKey", Role::Operator),
    ("KeyService/ListKeys", Role::Operator),
    ("KeyService/RevokeKey", Role::Operator),
];

/// What a path demands; `None` for a path that is answered to nobody.
#[must_use]
pub fn demand(path: &str) -> Option<Demand> {
    if path == "/" || path.starts_with("/grpc.health.v1.Health/") {
        return Some(Demand::Nothing);
    }
    if path == EXPORT || path.starts_with(HOOKS) {
        return Some(Demand::Own);
    }
    if path.starts_with("/grpc.reflection.") {
        return Some(Demand::AnyToken);
    }
    let rpc = path.strip_prefix(OWN)?;
    RPCS.iter().find(|(name, _)| *name == rpc).map(|(_, role)| Demand::Role(*role))
}

/// A path as it may stand in metrics: only known ones, and of a receiver's nothing, because its last part is a secret.
#[must_use]
pub fn label(path: &str) -> &str {
    match path {
        path if path.starts_with(HOOKS) => "hooks",
        path if demand(path).is_some() => path.trim_start_matches('/'),
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use system_log_wire::FILE_DESCRIPTOR_SET;

    use super::*;

    #[test]
    fn every_rpc_of_the_contract_has_a_row_and_every_row_an_rpc() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let files = set.file.iter().filter(|file| file.package() == "systemlog.v1");
        let services = files.flat_map(|file| &file.service);
        let rpcs: Vec<String> =
            services.flat_map(|s| s.method.iter().map(move |m| format!("{}/{}", s.name(), m.name()))).collect();
        assert_eq!(rpcs.len(), RPCS.len());
        for rpc in rpcs {
            assert!(matches!(demand(&format!("{OWN}{rpc}")), Some(Demand::Role(_))), "{rpc} has no row");
        }
    }

    #[test]
    fn unknown_paths_are_answered_to_nobody() {
        for path in ["/systemlog.v1.LogService/DeleteEvents", "/systemlog.v1.LogService", "/admin", "//"] {
            assert_eq!(demand(path), None, "{path}");
        }
    }

    #[test]
    fn the_secret_part_of_a_receivers_url_is_no_label() {
        assert_eq!(label("/hooks/mailgun/an-obviously-fake-token"), "hooks");
        assert_eq!((label("/export.csv"), label("/hooksy/x")), ("export.csv", "unknown"));
    }
}

//! Calls of the Management API that change somebody's roles. They are told by their path, never by the description: Auth0's
//! descriptions do not always fit.

use serde_json::Value;
use system_log_plugin::{Json, text};

/// Roles named in one call; more are no fact for a row.
const MAX_ROLES: usize = 50;
const MAX_ROLE_BYTES: usize = 128;

/// Roles given to a user, or taken away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RoleChange {
    /// The user's id.
    pub(crate) user: String,
    /// `assigned` or `removed`.
    pub(crate) operation: &'static str,
    /// The roles' ids.
    pub(crate) roles: Vec<String>,
}

/// The change that a successful call made, if its path is one of the two.
pub(crate) fn change(data: &Json) -> Option<RoleChange> {
    let operation = match data.text("details.request.method").to_ascii_lowercase().as_str() {
        "post" => "assigned",
        "delete" => "removed",
        _ => return None,
    };
    let path = data.text("details.request.path");
    let path = path.split('?').next().unwrap_or_default().trim_matches('/');
    let steps: Vec<&str> = path.strip_prefix("api/").unwrap_or(path).split('/').collect();
    let user = match steps[..] {
        ["v2", "users", user, "roles"] | ["v2", "organizations", _, "members", user, "roles"] => decode(user),
        _ => return None,
    };
    let roles = data.at("details.request.body.roles").as_array().into_iter().flatten().filter_map(Value::as_str);
    let roles = roles.take(MAX_ROLES).map(|role| text::cut(role, MAX_ROLE_BYTES).to_owned()).collect();
    Some(RoleChange { user, operation, roles })
}

/// `auth0%7C123` → `auth0|123`: the bar is all that ids need.
fn decode(id: &str) -> String {
    id.replace("%7C", "|").replace("%7c", "|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(method: &str, path: &str) -> Option<(String, &'static str)> {
        let data = json!({"details": {"request": {"method": method, "path": path, "body": {"roles": ["rol_1"]}}}});
        change(&Json::of(data)).map(|change| (change.user, change.operation))
    }

    #[test]
    fn the_path_decides() {
        let bob = "auth0|bob".to_owned();
        assert_eq!(told("post", "/api/v2/users/auth0%7Cbob/roles"), Some((bob.clone(), "assigned")));
        assert_eq!(told("DELETE", "/v2/users/auth0|bob/roles?x=1"), Some((bob.clone(), "removed")));
        assert_eq!(told("post", "/api/v2/organizations/org_1/members/auth0%7cbob/roles"), Some((bob, "assigned")));
        for (method, path) in [
            ("get", "/api/v2/users/auth0%7Cbob/roles"),
            ("post", "/api/v2/roles"),
            ("post", "/api/v2/users"),
            ("post", "/api/v2/guardian/policies"),
            ("post", ""),
        ] {
            assert_eq!(told(method, path), None, "{method} {path}");
        }
    }
}

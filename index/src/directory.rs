//! Members and bindings, all in memory: every event that comes in asks. The log and the `meta` store are where they last.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

use system_log_model::text::fold;
use system_log_model::{Binding, Member, OrgId};

use crate::entry::Change;

/// (source, kind, value).
type Name = (String, String, String);

/// The directory of all organisations.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    members: HashMap<OrgId, BTreeMap<String, Member>>,
    /// Folded address → who has it.
    emails: HashMap<String, BTreeSet<(OrgId, String)>>,
    bindings: HashMap<Name, OrgId>,
    names: HashMap<OrgId, BTreeSet<Name>>,
}

impl Directory {
    /// Takes a change over; whether a removal found something. Other changes are none of its business.
    pub(crate) fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::UpsertMember { org, member } => {
                self.remove_member(org, &member.id);
                self.add_member(org, member.clone());
                true
            }
            Change::DeleteMember { org, id } => self.remove_member(org, id),
            Change::UpsertBinding(binding) => {
                let name = name(binding);
                if let Some(before) = self.bindings.insert(name.clone(), binding.org.clone()) {
                    self.forget_name(&before, &name);
                }
                self.names.entry(binding.org.clone()).or_default().insert(name);
                true
            }
            Change::DeleteBinding(binding) => {
                let name = name(binding);
                let is_theirs = self.bindings.get(&name) == Some(&binding.org);
                if is_theirs {
                    self.bindings.remove(&name);
                    self.forget_name(&binding.org, &name);
                }
                is_theirs
            }
            Change::PutDeadLetter(_)
            | Change::DeleteDeadLetter { .. }
            | Change::PutApiKey(_)
            | Change::TakeDelivery { .. } => false,
        }
    }

    fn add_member(&mut self, org: &OrgId, member: Member) {
        if !member.email.is_empty() {
            self.emails.entry(fold(&member.email).into_owned()).or_default().insert((org.clone(), member.id.clone()));
        }
        self.members.entry(org.clone()).or_default().insert(member.id.clone(), member);
    }

    fn remove_member(&mut self, org: &OrgId, id: &str) -> bool {
        let Some(members) = self.members.get_mut(org) else {
            return false;
        };
        let Some(member) = members.remove(id) else {
            return false;
        };
        if members.is_empty() {
            self.members.remove(org);
        }
        let email = fold(&member.email);
        if let Some(owners) = self.emails.get_mut(email.as_ref()) {
            owners.remove(&(org.clone(), id.to_owned()));
            if owners.is_empty() {
                self.emails.remove(email.as_ref());
            }
        }
        true
    }

    fn forget_name(&mut self, org: &OrgId, name: &Name) {
        // An upsert into the same organisation comes by here too; the name is put back right after.
        if let Some(names) = self.names.get_mut(org) {
            names.remove(name);
            if names.is_empty() {
                self.names.remove(org);
            }
        }
    }

    pub(crate) fn member(&self, org: &OrgId, id: &str) -> Option<Member> {
        self.members.get(org)?.get(id).cloned()
    }

    pub(crate) fn members(&self, org: &OrgId, after: Option<&str>, limit: usize) -> Vec<Member> {
        let Some(members) = self.members.get(org) else {
            return Vec::new();
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        members.range::<str, _>((from, Bound::Unbounded)).take(limit).map(|(_, member)| member.clone()).collect()
    }

    pub(crate) fn members_by_email(&self, email: &str) -> Vec<(OrgId, Member)> {
        let owners = self.emails.get(fold(email).as_ref());
        owners.into_iter().flatten().filter_map(|(org, id)| Some((org.clone(), self.member(org, id)?))).collect()
    }

    pub(crate) fn binding(&self, source: &str, kind: &str, value: &str) -> Option<OrgId> {
        let name = (source.to_owned(), kind.to_owned(), value.to_owned());
        self.bindings.get(&name).cloned()
    }

    pub(crate) fn bindings(&self, org: &OrgId, after: Option<&Binding>, limit: usize) -> Vec<Binding> {
        let Some(names) = self.names.get(org) else {
            return Vec::new();
        };
        let from = after.map_or(Bound::Unbounded, |binding| Bound::Excluded(name(binding)));
        let binding = |(source, kind, value): &Name| Binding {
            org: org.clone(),
            source: source.clone(),
            kind: kind.clone(),
            value: value.clone(),
        };
        names.range((from, Bound::Unbounded)).take(limit).map(binding).collect()
    }
}

fn name(binding: &Binding) -> Name {
    (binding.source.clone(), binding.kind.clone(), binding.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use system_log_model::ActorKind;

    fn org(id: &str) -> OrgId {
        OrgId::new(id).unwrap()
    }

    fn member(id: &str, email: &str) -> Member {
        Member { id: id.into(), email: email.into(), display_name: String::new(), kind: ActorKind::User }
    }

    fn upsert(at: &str, id: &str, email: &str) -> Change {
        Change::UpsertMember { org: org(at), member: member(id, email) }
    }

    fn binding(at: &str, value: &str) -> Binding {
        Binding { org: org(at), source: "recurly".into(), kind: "account_code".into(), value: value.into() }
    }

    #[test]
    fn members_are_found_by_folded_address_in_every_organisation() {
        let mut directory = Directory::default();
        for change in [upsert("a", "u1", "Ann@X.org"), upsert("b", "u9", "ann@x.ORG"), upsert("a", "u2", "")] {
            directory.apply(&change);
        }
        assert_eq!(directory.members_by_email("ANN@x.org").len(), 2);
        assert!(directory.members_by_email("").is_empty(), "no address is nobody's address");
        directory.apply(&upsert("a", "u1", "new@x.org"));
        assert_eq!(directory.members_by_email("ann@x.org").len(), 1);
        assert_eq!(directory.members(&org("a"), Some("u1"), 9).len(), 1);
        assert_eq!(directory.members(&org("a"), None, 1).len(), 1);
    }

    #[test]
    fn a_removal_says_whether_it_found_something() {
        let mut directory = Directory::default();
        directory.apply(&upsert("a", "u1", "x"));
        let delete = |at| Change::DeleteMember { org: org(at), id: "u1".into() };
        assert!(!directory.apply(&delete("b")));
        assert!(directory.apply(&delete("a")));
        assert!(!directory.apply(&delete("a")));
        assert!(directory.members_by_email("x").is_empty());
    }

    #[test]
    fn a_binding_belongs_to_one_organisation_at_a_time() {
        let mut directory = Directory::default();
        for at in ["a", "a", "b"] {
            directory.apply(&Change::UpsertBinding(binding(at, "1")));
        }
        assert_eq!(directory.binding("recurly", "account_code", "1"), Some(org("b")));
        assert!(directory.bindings(&org("a"), None, 9).is_empty());
        assert!(!directory.apply(&Change::DeleteBinding(binding("a", "1"))), "not theirs");
        directory.apply(&Change::UpsertBinding(binding("b", "2")));
        let page = directory.bindings(&org("b"), Some(&binding("b", "1")), 9);
        assert_eq!(page, [binding("b", "2")]);
        directory.apply(&Change::UpsertBinding(binding("b", "2")));
        assert_eq!(directory.bindings(&org("b"), None, 9).len(), 2);
    }
}

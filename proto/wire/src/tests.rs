//! What is checked of generated code: that the contract's comments are there, and that JSON is the canonical one.

use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use super::FILE_DESCRIPTOR_SET;
use super::systemlog::v1::{ContainsFilter, EventFilter, Log};

/// Paths (as in `SourceCodeInfo`) and names of everything a client author can see in a file.
fn elements(file: &FileDescriptorProto) -> Vec<(Vec<i32>, String)> {
    fn add_enum(path: &[i32], one: &EnumDescriptorProto, all: &mut Vec<(Vec<i32>, String)>) {
        all.push((path.to_vec(), one.name().to_owned()));
        for (i, value) in (0..).zip(&one.value) {
            all.push(([path, &[2, i]].concat(), value.name().to_owned()));
        }
    }
    fn add_message(path: &[i32], one: &DescriptorProto, all: &mut Vec<(Vec<i32>, String)>) {
        if one.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry) {
            return;
        }
        all.push((path.to_vec(), one.name().to_owned()));
        for (i, field) in (0..).zip(&one.field) {
            all.push(([path, &[2, i]].concat(), format!("{}.{}", one.name(), field.name())));
        }
        for (i, nested) in (0..).zip(&one.nested_type) {
            add_message(&[path, &[3, i]].concat(), nested, all);
        }
    }
    let mut all = Vec::new();
    for (i, message) in (0..).zip(&file.message_type) {
        add_message(&[4, i], message, &mut all);
    }
    for (i, one) in (0..).zip(&file.enum_type) {
        add_enum(&[5, i], one, &mut all);
    }
    for (i, service) in (0..).zip(&file.service) {
        all.push((vec![6, i], service.name().to_owned()));
        for (j, method) in (0..).zip(&service.method) {
            all.push((vec![6, i, 2, j], method.name().to_owned()));
        }
    }
    all
}

#[test]
fn everything_in_the_contract_is_explained() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut seen = 0;
    for file in set.file.iter().filter(|file| file.package() == "systemlog.v1") {
        let locations = &file.source_code_info.as_ref().unwrap().location;
        for (path, name) in elements(file) {
            let comment = locations.iter().find(|l| l.path == path).map_or("", |l| l.leading_comments());
            assert!(!comment.trim().is_empty(), "{}: {name} has no comment", file.name());
            seen += 1;
        }
    }
    assert!(seen > 300, "only {seen} elements: is the contract complete?");
}

#[test]
fn json_is_the_canonical_one() {
    let filter = EventFilter {
        log: Log::AiUsage.into(),
        start_time: Some(crate::Timestamp { seconds: 1_795_341_600, nanos: 0 }),
        contains: Some(ContainsFilter { event_name: "chat".into(), ..ContainsFilter::default() }),
        bot_only: true,
        success: Some(false),
        ..EventFilter::default()
    };
    let json = serde_json::to_value(&filter).unwrap();
    let expected = serde_json::json!({
        "log": "LOG_AI_USAGE",
        "startTime": "2026-11-22T10:00:00Z",
        "contains": {"eventName": "chat"},
        "botOnly": true,
        "success": false,
    });
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<EventFilter>(json).unwrap(), filter);
}

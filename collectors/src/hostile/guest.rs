//! A guest in WebAssembly text for the tests: it drops every record as `NOT_LOGGED`, except where a test lets it misbehave.
//! It must not know what the host does about that.

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use crate::manifest;

const CONTRACT: &str = include_str!("../../../plugins/wit/collector.wit");

/// A manifest that is right; one kind, so that all others are undeclared.
pub(crate) const MANIFEST: &str = r#"
name = "hostile"
version = "1.0.0"
contract = "1"
description = "Does what it must not."
sources = ["hostile"]
content_types = ["application/json"]
[[kinds]]
log = "system"
name = "webhook_sent"
"#;

/// What a guest does besides its duty. Each is WebAssembly text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guest<'a> {
    /// Further items of the module; functions, data.
    pub(crate) items: &'a str,
    /// Body of the start function.
    pub(crate) start: &'a str,
    /// Runs whenever the host asks for memory.
    pub(crate) realloc: &'a str,
    /// Runs for each record whose payload begins with `!`. `$answer` is its outcome, 24 bytes, already good.
    pub(crate) guilty: &'a str,
    /// Runs before the call returns. `$out` points to address and length of the list of outcomes.
    pub(crate) finish: &'a str,
    /// Runs after the host has read the answer.
    pub(crate) after: &'a str,
    /// Its memory, in pages of 64 KiB; the text's own data ends below the first MiB.
    pub(crate) pages: u32,
}

/// A guest that does its duty.
pub(crate) const HONEST: Guest<'static> =
    Guest { items: "", start: "", realloc: "", guilty: "", finish: "", after: "", pages: 64 };

impl Guest<'_> {
    /// The component with a manifest.
    pub(crate) fn with(&self, manifest: &str) -> Vec<u8> {
        with_manifest(self.component(), manifest)
    }

    /// The component without a manifest.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("collector.wit", CONTRACT).unwrap();
        let world = resolve.select_world(&[package], Some("collector")).unwrap();
        let mut module = self.module();
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }

    /// The core module: what a compiler makes of a guest.
    pub(crate) fn module(&self) -> Vec<u8> {
        let Self { items, start, realloc, guilty, finish, after, pages } = self;
        let text = format!(
            r#"(module
  (import "system-log:collector/diagnostics@1.0.0" "log" (func $log (param i32 i32 i32 i32)))
  (memory (export "memory") {pages})
  (global $heap (mut i32) (i32.const 65536))
  (data (i32.const 16) "NOT_LOGGED")
  (data (i32.const 32) "fine")
  {items}
  (func $start {start})
  (start $start)
  (func $alloc (param $size i32) (result i32) (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.and (i32.add (i32.add (local.get $at) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    {realloc}
    (call $alloc (local.get $size)))
  (func (export "cabi_post_system-log:collector/collect@1.0.0#collect") (param i32) {after})
  (func (export "system-log:collector/collect@1.0.0#collect")
    (param $source i32) (param $source_len i32) (param $config i32) (param $config_len i32) (param $received i64)
    (param $inputs i32) (param $count i32) (result i32)
    (local $out i32) (local $i i32) (local $answer i32) (local $input i32)
    (local.set $out (call $alloc (i32.add (i32.const 8) (i32.mul (local.get $count) (i32.const 24)))))
    (i32.store (local.get $out) (i32.add (local.get $out) (i32.const 8)))
    (i32.store offset=4 (local.get $out) (local.get $count))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
      (local.set $input (i32.add (local.get $inputs) (i32.mul (local.get $i) (i32.const 24))))
      (local.set $answer (i32.add (i32.load (local.get $out)) (i32.mul (local.get $i) (i32.const 24))))
      ;; one(drop("NOT_LOGGED", "fine"))
      (i32.store8 offset=4 (local.get $answer) (i32.const 1))
      (i32.store offset=8 (local.get $answer) (i32.const 16))
      (i32.store offset=12 (local.get $answer) (i32.const 10))
      (i32.store offset=16 (local.get $answer) (i32.const 32))
      (i32.store offset=20 (local.get $answer) (i32.const 4))
      (if (i32.eq (i32.load8_u (i32.load (local.get $input))) (i32.const 33)) (then {guilty}))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    {finish}
    (local.get $out)))"#
        );
        wat::parse_str(text).unwrap()
    }
}

/// A component with a manifest appended, as the build does it.
pub(crate) fn with_manifest(component: Vec<u8>, manifest: &str) -> Vec<u8> {
    with_section(component, manifest::SECTION, manifest.as_bytes())
}

/// A component with a custom section appended.
pub(crate) fn with_section(mut component: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    let mut section = leb128(name.len());
    section.extend([name.as_bytes(), content].concat());
    component.push(0); // a custom section
    component.extend(leb128(section.len()));
    component.extend(section);
    component
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

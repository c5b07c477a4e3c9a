//! What the contract generates: the plugin's types and calls, straight from the WIT file.
//!
//! Nothing here is by hand, and nothing outside this crate sees these types: they are what a plugin claims.

#![allow(missing_docs, reason = "the WIT file says what each item means")]
#![allow(unreachable_pub, reason = "generated code does not know how far it is visible")]
#![allow(unsafe_code, reason = "the generated code implements wasmtime's unsafe lifting traits")]

wasmtime::component::bindgen!({
    world: "collector",
    path: "../plugins/wit/collector.wit",
});

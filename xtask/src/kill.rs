//! `cargo xtask kill`: the long form of the kill rig, `index/src/tests/kill.rs`; its short form is one of the tests.

use crate::process::{self, Failure, cargo};

pub(crate) fn run(times: u32) -> Result<(), Failure> {
    let mut rig = cargo(crate::root());
    rig.args(["test", "--workspace", "--lib", "--", "--ignored", "--exact", "--nocapture"]);
    rig.arg("tests::kill::nothing_acknowledged_is_lost_in_many_deaths").env("SYSTEM_LOG_KILLS", times.to_string());
    process::run(&mut rig)
}

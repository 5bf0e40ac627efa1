//! Other people's projects, as the package index has them, with their own tests as the workload and no configuration.
//! `benches/third_party.py` does the same with many more.

use std::process::Command;

use cmdx::model::{Report, WorkloadKind};

use crate::environments::python;
use crate::project::sdist;

/// Profiles a source distribution and asserts that a function of its package is named.
fn check(requirement: &str, package: &str) {
    let Some((_guard, root)) = sdist(&python(), requirement) else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_cmdx"));
    command.args(["optimize", "--profile", "--install", "-qq", "--format=json", "--python"]).arg(python());
    let output = command.arg(".").current_dir(&root).output().expect("cmdx starts");
    let report: Report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no report ({error}):\n{}", String::from_utf8_lossy(&output.stderr)));
    let workload = report.workload.expect("there is something to run");
    assert_eq!(workload.kind, WorkloadKind::TestSuite, "{}", workload.title);
    let cpu = &report.profile.expect("it was run").cpu;
    let first = cpu.functions.first().unwrap_or_else(|| panic!("nothing named: {:?}", report.problems));
    assert!(first.location.path.contains(package), "{}", first.location);
    assert!(first.share.low < first.share.value && first.share.value <= first.share.high, "{:?}", first.share);
    assert!(cpu.n_samples >= 10, "{} samples", cpu.n_samples);
}

#[test]
fn a_package_has_its_bottleneck_named() {
    check("idna==3.10", "idna/");
}

#[test]
fn a_package_of_one_module_has_its_bottleneck_named() {
    check("xmltodict==0.14.2", "xmltodict.py");
}

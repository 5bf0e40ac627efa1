use cmdx::{engine::profile::cpu, harness::*, model::*};
use std::time::Duration;
fn main() {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    let dir = std::env::temp_dir().join("rec");
    std::fs::create_dir_all(&dir).unwrap();
    let w = Workload {
        kind: WorkloadKind::Command,
        title: String::new(),
        argv,
        cwd: std::env::current_dir().unwrap(),
        env: vec![],
    };
    let o = RecordOptions {
        rate_hz: 100.0,
        deadline: Duration::from_secs(60),
        directory: dir,
        root: std::env::current_dir().unwrap(),
        agent_directory: None,
        events_directory: None,
    };
    let r = record(&w, &o, &Interrupt::install().unwrap(), &mut |_| {}).unwrap();
    let me = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    println!(
        "exit {:?} wall {:.3} cpu {:.3} samples {} failed {} processes {} own cpu {:?} {:?}",
        r.exit,
        r.wall_seconds,
        r.cpu_seconds,
        r.samples.len(),
        r.n_failed_samples,
        r.processes.len(),
        me.user_time(),
        me.system_time()
    );
    println!("{:?}", r.problems);
    let p = cpu::build(&r, &cpu::Source { is_charged: &|_| true, outline: &|_| None });
    for f in p.functions.iter().take(12) {
        println!(
            "{} {} wall {:.3} cpu {:.3} share {:.3} [{:.3} {:.3}] total {:.3} libs {:?}",
            f.location,
            f.location.symbol,
            f.wall_seconds,
            f.cpu_seconds,
            f.share.value,
            f.share.low,
            f.share.high,
            f.total_wall_seconds,
            f.libraries
        );
    }
}

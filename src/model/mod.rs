//! The nouns that two or more rooms share: plain structs with public fields, serialisable, no I/O.
//! Seconds are `f64` and named `_seconds`, bytes are `u64` and named `_bytes`, paths are relative to the project root.

mod ci;
mod dashboard;
mod finding;
mod gates;
mod lint;
mod location;
mod matching;
mod memory;
mod profile;
mod queries;
mod recording;
mod report;
mod run;
mod trend;
mod verdict;
mod workload;

pub use ci::{CiFacts, CiService, Dependencies};
pub use dashboard::{Dashboard, SourceExcerpt, SourceLine};
pub use finding::{Finding, FindingKind};
pub use gates::GateReport;
pub use lint::{FunctionComplexity, LintFinding, LintReport, LintRule};
pub use location::Location;
pub use matching::{Category, Match, Problem, Safety, TextEdit};
pub use memory::{
    ByteEstimate, GrowingCache, GrowingSite, GrowthVerdict, HandleKind, MemoryCost, MemoryPoint, MemoryProfile,
    MemoryStack, MemoryTracer, UnclosedHandle,
};
pub use profile::{CpuProfile, Frame, FunctionCost, LineCost, ProcessSummary, Profile, Share, Stack};
pub use queries::{
    Caller, IndexAdvice, PlanAnswer, PlanQuestion, QueryGroup, QueryLoop, QueryPattern, QueryPatternKind, QueryProfile,
    ScopeKind, ScopeSummary,
};
pub use recording::{ExitReason, Recording, Sample, SampledProcess};
pub use report::{Report, WorkloadSummary};
pub use run::{
    Before, Benchmark, BenchmarkKind, Change, GateStatus, GateVerdict, Metric, Revision, RunEnvironment, RunKind,
    RunRecord, Series, SeriesComparison, TestOutcome, TestRecord,
};
pub use trend::{Trend, TrendPoint, TrendRun, Trends};
pub use verdict::{
    AppliedRewrite, Figure, FigureChange, FigureKind, Implementation, LeftRewrite, MeasuredGain, Verdict,
};
pub use workload::{Interpreter, InterpreterSource, Workload, WorkloadKind};

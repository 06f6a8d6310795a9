//! The generated module: the plan as statics, the buckets as an enum, and a model that links only the
//! kernels that the plan calls.

mod specialised;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use tinpail::init::Role;
use tinpail::kernel::call::adapter;
use tinpail::plan::{
    BucketPlan, Home, Kernel, Operand, Param, ParamKind, Port, PortKind, Program, Rows, Space,
    Span, Step, Work,
};
use tinpail::recipe::{MathKind, ProductsKind};

use crate::bucketing::LrScheduler;
use crate::error::Error;
use crate::plan_file::{BucketNames, Named, PlanBuf, PlanFile};

/// The generated constants that two names would share.
fn check_constants(file: &PlanFile) -> Result<(), Error> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let default = file.buckets.get(usize::from(file.plan.default_bucket));
    let outputs = default.map_or(&[][..], |bucket| &bucket.output_shapes);
    let placed = file.params.iter().zip(&file.plan.params);
    let params = placed.map(|(named, param)| (param_prefix(param), named));
    let states = file.states.iter().map(|named| ("state", named));
    let data = default.map_or(&[][..], |bucket| &bucket.data_shapes);
    let data = data.iter().map(|named| ("data", named));
    let labels = default.map_or(&[][..], |bucket| &bucket.label_shapes);
    let labels = labels.iter().map(|named| ("label", named));
    let outputs = outputs.iter().map(|named| ("output", named));
    let inputs = params.chain(states).chain(data).chain(labels);
    for (what, item) in inputs.chain(outputs) {
        let constant = constant_name(what, &item.name);
        if let Some(other) = seen.insert(constant.clone(), &item.name) {
            return Err(Error::Config(format!(
                "{other} and {} would both be the constant {constant}: rename one",
                item.name
            )));
        }
    }
    Ok(())
}

/// Writes `NAME.rs` and `NAME.plan.postcard` into `dir`, and the report to `NAME.report.md`.
pub fn write_to(dir: &Path, name: &str, file: &PlanFile, specialise: bool) -> Result<(), Error> {
    check_constants(file)?;
    let write = |suffix: &str, bytes: &[u8]| {
        let path = dir.join(format!("{name}{suffix}"));
        std::fs::write(&path, bytes).map_err(|source| Error::Io {
            path: path.display().to_string(),
            source,
        })
    };
    write(".rs", source(file, specialise).as_bytes())?;
    write(".plan.postcard", &file.to_bytes()?)?;
    write(".report.md", crate::report::table(file).as_bytes())
}

/// The generated source; specialised, with the plan's calls as code as well.
pub fn source(file: &PlanFile, specialise: bool) -> String {
    let plan = &file.plan;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(out, "{}", constants(file));
    let _ = write!(out, "{}", buckets(plan));
    let _ = write!(out, "{}", names(file));
    let _ = write!(out, "{}", statics(plan));
    let _ = write!(out, "{}", model(file, specialise));
    out
}

fn constants(file: &PlanFile) -> String {
    let plan = &file.plan;
    let mut out = format!(
        "/// Elements of the arena that the plan needs.\n\
         pub const ARENA_WORDS: usize = {words};\n\
         /// Bytes of the arena that the plan needs.\n\
         pub const ARENA_BYTES: usize = {bytes};\n\
         /// An arena for [`Model`].\n\
         pub type Arena = ::tinpail::Arena<ARENA_WORDS>;\n\
         /// The module of [`Model`].\n\
         pub type Module<'a> = ::tinpail::BucketingModule<'a, Model>;\n\
         /// Rows of a batch.\n\
         pub const BATCH_SIZE: usize = {batch};\n\
         /// Rows that a [`Profiler`](::tinpail::profiler::Profiler) needs.\n\
         pub const PROFILE_ROWS: usize = {rows};\n",
        words = plan.arena_len,
        bytes = 4 * plan.arena_len as usize,
        batch = plan.batch_size,
        rows = plan.steps.len(),
    );
    if plan.train != tinpail::plan::Train::None {
        let _ = writeln!(
            out,
            "/// Bytes that each slot of `save_params` needs at least.\npub const SAVED_BYTES: usize = {};\n\
             /// Bytes that each slot of `save_optimizer_states` needs at least.\n\
             pub const SAVED_OPTIMIZER_BYTES: usize = {};",
            tinpail::module::saved_len(&plan.params),
            tinpail::module::saved_optimizer_len(&plan.params, plan.optimizer)
        );
    }
    let indices = |out: &mut String, what: &str, names: &mut dyn Iterator<Item = &str>| {
        for (index, name) in names.enumerate() {
            let _ = write!(
                out,
                "/// Index of the {what} `{name}`.\npub const {}: usize = {index};\n",
                constant_name(what, name)
            );
        }
    };
    for (index, (named, param)) in file.params.iter().zip(&plan.params).enumerate() {
        let what = param_prefix(param);
        let constant = constant_name(what, &named.name);
        let _ = write!(
            out,
            "/// Index of the {what} `{}`.\npub const {constant}: usize = {index};\n",
            named.name
        );
    }
    let mut names = file.states.iter().map(|named| named.name.as_str());
    indices(&mut out, "state", &mut names);
    let default = file.buckets.get(usize::from(plan.default_bucket));
    if let Some(default) = default {
        for (what, named) in [
            ("data", &default.data_shapes),
            ("label", &default.label_shapes),
            ("output", &default.output_shapes),
        ] {
            let mut names = named.iter().map(|named| named.name.as_str());
            indices(&mut out, what, &mut names);
        }
    }
    out
}

/// What a parameter's constant begins with: auxiliary states are numbered among the parameters.
fn param_prefix(param: &Param) -> &'static str {
    match param.kind {
        ParamKind::Argument => "param",
        ParamKind::Auxiliary => "aux",
    }
}

/// Names and shapes: constants, so that they take flash only where they are used.
fn names(file: &PlanFile) -> String {
    let names = |named: &[Named]| -> String {
        let names = named.iter().map(|named| format!("{:?}", named.name));
        names.collect::<Vec<_>>().join(", ")
    };
    let (none, default) = (Vec::new(), usize::from(file.plan.default_bucket));
    let default = file.buckets.get(default);
    let lists = [
        ("PARAMS", "parameters", &file.params),
        ("STATES", "states", &file.states),
        (
            "DATA",
            "data: MXNet's `data_names`",
            default.map_or(&none, |own| &own.data_shapes),
        ),
        (
            "LABELS",
            "labels: MXNet's `label_names`",
            default.map_or(&none, |own| &own.label_shapes),
        ),
        (
            "OUTPUTS",
            "outputs: MXNet's `output_names`",
            default.map_or(&none, |own| &own.output_shapes),
        ),
    ];
    let mut out = String::from(
        "/// Names, in the order of the indices. They take flash only where they are used.\npub mod names {\n",
    );
    for (constant, what, named) in lists {
        let _ = write!(
            out,
            "    /// Of the {what}.\n    pub const {constant}: &[&str] = &[{}];\n",
            names(named)
        );
    }
    out.push_str(
        "}\n\
         /// Shapes, in the order of the indices. They take flash only where they are used.\n\
         pub mod shapes {\n\
         \x20   /// Of the parameters, for `init_params`.\n\
         \x20   pub const PARAMS: &[::tinpail::init::ParamShape<'static>] = &[\n",
    );
    for param in &file.params {
        let _ = writeln!(
            out,
            "        ::tinpail::init::ParamShape {{ role: ::tinpail::init::Role::{:?}, shape: &{:?} }},",
            Role::of(&param.name),
            param.shape
        );
    }
    out.push_str("    ];\n}\nimpl Bucket {\n");
    type Side = fn(&BucketNames) -> &Vec<Named>;
    let sides: [(&str, Side); 3] = [
        ("data", |bucket| &bucket.data_shapes),
        ("label", |bucket| &bucket.label_shapes),
        ("output", |bucket| &bucket.output_shapes),
    ];
    for (what, side) in sides {
        let _ = write!(
            out,
            "    /// MXNet's `{what}_shapes`: of each, in the order of the indices, batch included.\n\
             \x20   pub const fn {what}_shapes(self) -> &'static [&'static [u32]] {{\n        match self {{\n"
        );
        for bucket in &file.buckets {
            let shapes = side(bucket)
                .iter()
                .map(|named| format!("&{:?}", named.shape));
            let shapes: Vec<String> = shapes.collect();
            let _ = writeln!(
                out,
                "            Bucket::K{} => &[{}],",
                bucket.key,
                shapes.join(", ")
            );
        }
        out.push_str("        }\n    }\n");
    }
    out.push_str("}\n");
    out
}

/// `PARAM_FC_WEIGHT`.
fn constant_name(what: &str, name: &str) -> String {
    let identifier = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("{what}_{name}")
        .chars()
        .map(identifier)
        .collect::<String>()
        .to_uppercase()
}

fn buckets(plan: &PlanBuf) -> String {
    let mut out = String::from(
        "/// The buckets, named by their keys.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\n\
         #[repr(u16)]\n\
         pub enum Bucket {\n",
    );
    for bucket in &plan.buckets {
        let _ = writeln!(out, "    /// Key {key}.\n    K{key},", key = bucket.key);
    }
    let list = |each: &dyn Fn(u32) -> String| -> String {
        let keys = plan.buckets.iter().map(|bucket| each(bucket.key));
        keys.collect::<Vec<_>>().join(", ")
    };
    let all = list(&|key| format!("Bucket::K{key}"));
    let arms = list(&|key| format!("Bucket::K{key} => {key}"));
    let default = plan.buckets[usize::from(plan.default_bucket)].key;
    let _ = write!(
        out,
        "}}\n\
         impl Bucket {{\n\
         \x20   /// Every bucket, by ascending key.\n\
         \x20   pub const ALL: &'static [Bucket] = &[{all}];\n\
         \x20   /// The bucket that is current after `bind`.\n\
         \x20   pub const DEFAULT: Bucket = Bucket::K{default};\n\
         \x20   /// The bucket key.\n\
         \x20   pub const fn key(self) -> usize {{\n        match self {{ {arms} }}\n    }}\n\
         \x20   /// The smallest bucket that holds `len`, if one does.\n\
         \x20   pub fn fitting(len: usize) -> Option<Bucket> {{\n\
         \x20       Bucket::ALL.iter().copied().find(|bucket| bucket.key() >= len)\n    }}\n\
         }}\n\
         impl From<Bucket> for ::tinpail::BucketIndex {{\n\
         \x20   fn from(bucket: Bucket) -> Self {{\n        ::tinpail::BucketIndex(bucket as u16)\n    }}\n\
         }}\n"
    );
    out
}

fn table<T>(name: &str, kind: &str, rows: &[T], row: impl Fn(&T) -> String) -> String {
    let mut out = format!(
        "static {name}: [::tinpail::plan::{kind}; {}] = [\n",
        rows.len()
    );
    for item in rows {
        let _ = writeln!(out, "    {},", row(item));
    }
    out.push_str("];\n");
    out
}

fn rows(rows: Rows) -> String {
    format!("r({}, {})", rows.start, rows.end)
}

fn span(span: &Span) -> String {
    let space = match span.space() {
        Space::Arena => "S::Arena".into(),
        Space::Flash => "S::Flash".into(),
        Space::Data(port) => format!("S::Data({port})"),
        Space::Label(port) => format!("S::Label({port})"),
        Space::HeadGrad(port) => format!("S::HeadGrad({port})"),
    };
    format!(
        "::tinpail::plan::Span::new({space}, {}, {})",
        span.offset(),
        span.len
    )
}

fn float(value: f32) -> String {
    format!("f32::from_bits({:#010x})", value.to_bits())
}

fn param(param: &Param) -> String {
    let home = match param.home {
        Home::Flash => "::tinpail::plan::Home::Flash".into(),
        Home::Arena(offset) => format!("::tinpail::plan::Home::Arena({offset})"),
    };
    format!(
        "::tinpail::plan::Param {{ kind: ::tinpail::plan::ParamKind::{:?}, len: {}, flash: {}, home: {home}, state: {:?}, grad: {:?}, \
         residual: {:?}, lr_mult: {}, wd_mult: {} }}",
        param.kind,
        param.len,
        param.flash,
        param.state,
        param.grad,
        param.residual,
        float(param.lr_mult),
        float(param.wd_mult),
    )
}

fn port(port: &Port) -> String {
    let kind = match port.kind {
        PortKind::F32 => "::tinpail::plan::PortKind::F32".into(),
        PortKind::U16 { min, max, ignore } => format!(
            "::tinpail::plan::PortKind::U16 {{ min: {min}, max: {max}, ignore: {ignore:?} }}"
        ),
    };
    format!(
        "::tinpail::plan::Port {{ kind: {kind}, len: {} }}",
        port.len
    )
}

fn program(program: &Program) -> String {
    format!(
        "::tinpail::plan::Program {{ forward: {}, backward: {}, check: {}, update: {}, \
         head_grads: {}, outputs: {}, input_grads: {} }}",
        rows(program.forward),
        rows(program.backward),
        rows(program.check),
        rows(program.update),
        rows(program.head_grads),
        rows(program.outputs),
        rows(program.input_grads),
    )
}

fn bucket(bucket: &BucketPlan) -> String {
    format!(
        "::tinpail::plan::BucketPlan {{ key: {}, data: {}, labels: {}, frame: {}, infer: {}, train: {} }}",
        bucket.key,
        rows(bucket.data),
        rows(bucket.labels),
        bucket.frame,
        bucket.infer,
        bucket.train,
    )
}

fn step(step: &Step) -> String {
    let (what, row) = match step.work() {
        Work::Call(row) => ("call", row),
        Work::Loop(row) => ("repeat", row),
    };
    format!("::tinpail::plan::Step::{what}({row})")
}

fn operand(operand: &Operand) -> String {
    let whose = if operand.is_own() { "own" } else { "shared" };
    format!("O::{whose}({})", operand.stored_row())
}

/// A table of numbers.
fn numbers<T: ToString>(name: &str, kind: &str, values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(T::to_string).collect();
    format!(
        "static {name}: [{kind}; {}] = [{}];\n",
        values.len(),
        texts.join(", ")
    )
}

fn statics(plan: &PlanBuf) -> String {
    let mut out = String::from(
        "use ::tinpail::plan::{Operand as O, Space as S};\n\
         const fn r(start: u16, end: u16) -> ::tinpail::plan::Rows {\n\
         \x20   ::tinpail::plan::Rows { start, end }\n}\n",
    );
    out += &table("PARAMS", "Param", &plan.params, param);
    out += &table("STATES", "Span", &plan.states, span);
    out += &table("BUCKETS", "BucketPlan", &plan.buckets, bucket);
    out += &table("PROGRAMS", "Program", &plan.programs, program);
    out += &table("PORTS", "Port", &plan.ports, port);
    out += &table("STEPS", "Step", &plan.steps, step);
    out += &table("LOOPS", "Loop", &plan.loops, |row| {
        format!(
            "::tinpail::plan::Loop {{ count: {}, body: {}, strides: {} }}",
            row.count,
            rows(row.body),
            row.strides,
        )
    });
    out += &table("CALLS", "Call", &plan.calls, |call| {
        format!(
            "::tinpail::plan::Call {{ kernel: ::tinpail::plan::Kernel::{}, int_count: {}, operands: {}, ints: {} }}",
            call.kernel.name(),
            call.int_count,
            call.operands,
            call.ints,
        )
    });
    out += &table("OPERANDS", "Operand", &plan.operands, operand);
    out += &numbers("STRIDES", "i16", &plan.strides);
    out += &table("SPANS", "Span", &plan.spans, span);
    out += &numbers("INTS", "u32", &plan.ints);
    let math = match plan.recipe.math {
        MathKind::Libm => "Libm",
        MathKind::Micromath => "Micromath",
    };
    let products = match plan.recipe.products {
        ProductsKind::Separate => "Separate",
        ProductsKind::Fused => "Fused",
        ProductsKind::Flushed => "Flushed",
    };
    let _ = write!(
        out,
        "const _: () = assert!(::tinpail::recipe::MathKind::{math}.get().is_some(), \
         \"the plan needs tinpail's feature `{feature}`\");\n\
         const _: () = assert!(::tinpail::recipe::ProductsKind::{products}.get().is_some(), \
         \"the plan needs tinpail's feature `{products_feature}`\");\n\
         /// The plan.\n\
         pub const PLAN: ::tinpail::Plan<'static> = ::tinpail::Plan {{\n\
         \x20   schema: {schema:#018x},\n\
         \x20   fingerprint: {fingerprint:#018x},\n\
         \x20   recipe: ::tinpail::recipe::Recipe {{ version: {version}, math: ::tinpail::recipe::MathKind::{math}, products: ::tinpail::recipe::ProductsKind::{products} }},\n\
         \x20   train: ::tinpail::plan::Train::{train:?},\n\
         \x20   optimizer: ::tinpail::optim::Kind::{optimizer:?},\n\
         \x20   batch_size: {batch_size},\n\
         \x20   arena_len: {arena_len},\n\
         \x20   persistent_len: {persistent_len},\n\
         \x20   flash_len: {flash_len},\n\
         \x20   default_bucket: {default_bucket},\n\
         \x20   params: &PARAMS,\n    states: &STATES,\n    buckets: &BUCKETS,\n\
         \x20   programs: &PROGRAMS,\n    ports: &PORTS,\n    steps: &STEPS,\n    loops: &LOOPS,\n\
         \x20   calls: &CALLS,\n    operands: &OPERANDS,\n    strides: &STRIDES,\n    spans: &SPANS,\n\
         \x20   ints: &INTS,\n\
         }};\n",
        feature = math.to_lowercase(),
        products_feature = plan.recipe.products.feature(),
        schema = plan.schema,
        fingerprint = plan.fingerprint,
        version = plan.recipe.version,
        train = plan.train,
        optimizer = plan.optimizer,
        batch_size = plan.batch_size,
        arena_len = plan.arena_len,
        persistent_len = plan.persistent_len,
        flash_len = plan.flash_len,
        default_bucket = plan.default_bucket,
    );
    out
}

/// The type of the optimizer that the plan was made for.
fn optimizer(file: &PlanFile) -> String {
    let optimizer = format!("::tinpail::optim::{:?}", file.plan.optimizer);
    let schedule = match file.lr_scheduler {
        None => return optimizer,
        Some(LrScheduler::MultiFactor) => "MultiFactor<'static>".into(),
        Some(other) => format!("{other:?}"),
    };
    format!("::tinpail::optim::Scheduled<{optimizer}, ::tinpail::schedule::{schedule}>")
}

fn model(file: &PlanFile, specialise: bool) -> String {
    let plan = &file.plan;
    let optimizer = optimizer(file);
    // Kernels by number: the match is a jump table.
    let called: BTreeMap<u8, Kernel> = plan
        .calls
        .iter()
        .map(|call| (call.kernel as u8, call.kernel))
        .collect();
    let mut arms = String::new();
    for kernel in called.values() {
        let _ = writeln!(
            arms,
            "            ::tinpail::plan::Kernel::{} => ::tinpail::kernel::call::{}(args),",
            kernel.name(),
            adapter(*kernel)
        );
    }
    let links: Vec<String> = called
        .values()
        .map(|kernel| format!("::tinpail::plan::Kernel::{}", kernel.name()))
        .collect();
    // A plan without calls links nothing.
    let links = match links.as_slice() {
        [] => "_ if false".into(),
        links => links.join(" | "),
    };
    let (calls, run) = if specialise {
        specialised::source(plan)
    } else {
        (String::new(), String::new())
    };
    format!(
        "{calls}/// The planned network.\n\
         #[derive(Clone, Copy, Debug, Default)]\n\
         pub struct Model;\n\
         impl ::tinpail::Model for Model {{\n\
         \x20   type Optimizer = {optimizer};\n\
         \x20   fn plan(&self) -> ::tinpail::Plan<'_> {{\n        PLAN\n    }}\n\
         \x20   #[allow(unreachable_patterns)]\n\
         \x20   fn call(&self, args: &mut ::tinpail::exec::Args<'_, '_, Self::Optimizer>) \
         -> Result<(), ::tinpail::exec::Fault> {{\n\
         \x20       match args.kernel() {{\n{arms}\
         \x20           _ => Err(::tinpail::exec::Fault::Kernel),\n\
         \x20       }}\n    }}\n\
         \x20   fn links(&self, kernel: ::tinpail::plan::Kernel) -> bool {{\n\
         \x20       matches!(kernel, {links})\n    }}\n\
         {run}}}\n\
         impl ::tinpail::StaticModel for Model {{\n\
         \x20   const ARENA_WORDS: usize = ARENA_WORDS;\n\
         }}\n"
    )
}

//! Plans as blobs: loaded, they are the plan; and whatever is wrong with one is an error, or makes a wrong result, and
//! nothing else.

use proptest::prelude::*;
use tinpail::optim::Sgd;
use tinpail::plan::{
    Counts, Home, Kernel, Loop, Operand, Plan, PlanError, PlanRows, Port, PortKind, Rows, Space,
    Span, Step, Table,
};
use tinpail::{Batch, BucketIndex, BucketingModule, Loaded, Model, Registry, Tensor};
use tinpail_convert::AlignedBlob;
use tinpail_plan::plan_file::PlanBuf;
use tinpail_plan::{PlanFile, Train};

use crate::common::cases;
use crate::common::rng::Rng;
use crate::common::run::{self, SGD};
use crate::common::values::{Input, Persistent};
use crate::net;

type Memory = PlanRows<32, 512>;
type Module<'a> = BucketingModule<'a, Loaded<'a, Registry<'a, Sgd>>>;

fn files() -> [PlanFile; 3] {
    [Train::None, Train::Fused, Train::Held].map(net::plan)
}

/// The blob with the CRC that belongs to its bytes: what an attacker makes, and no accident.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let covered = bytes.len() - 4;
    let crc = crc(&bytes[..covered]);
    bytes[covered..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn refused(file: &PlanFile, bytes: &[u8]) -> Option<PlanError> {
    let mut memory = Memory::new();
    let kernels = Registry::<Sgd>::new(file.plan.plan());
    Loaded::from_bytes(kernels, bytes, memory.storage()).err()
}

/// What is wrong with the plan after `change`.
fn broken(file: &PlanFile, change: impl Fn(&mut PlanBuf)) -> Option<PlanError> {
    let mut plan = file.plan.clone();
    change(&mut plan);
    refused(file, &plan.plan().to_bytes().expect("a blob"))
}

#[test]
fn a_loaded_plan_is_the_plan() {
    for file in files() {
        let blob = file.blob().expect("a blob");
        let mut memory = Memory::new();
        let plan = Plan::from_bytes(&blob, memory.storage()).expect("a plan");
        let back = PlanBuf {
            schema: plan.schema,
            fingerprint: plan.fingerprint,
            arena_len: plan.arena_len,
            params: plan.params.to_vec(),
            states: plan.states.to_vec(),
            buckets: plan.buckets.to_vec(),
            programs: plan.programs.to_vec(),
            ports: plan.ports.to_vec(),
            steps: plan.steps.to_vec(),
            loops: plan.loops.to_vec(),
            calls: plan.calls.to_vec(),
            operands: plan.operands.to_vec(),
            strides: plan.strides.to_vec(),
            spans: plan.spans.to_vec(),
            ints: plan.ints.to_vec(),
            ..file.plan.clone()
        };
        assert_eq!(back, file.plan);
        assert_eq!(Counts::in_bytes(&blob), Ok(Counts::of(&plan)));
        assert_eq!(refused(&file, &blob), None);
    }
}

#[test]
fn bytes_that_are_no_plan() {
    let file = net::plan(Train::Fused);
    let blob = file.blob().expect("a blob");
    for len in 0..blob.len() {
        let cut = &blob[..len];
        assert!(refused(&file, cut).is_some(), "{len} bytes");
        if len > 8 {
            // Sealed, it lacks the last rows, or what counts them.
            let error = refused(&file, &sealed(cut.to_vec()));
            assert!(error.is_some(), "{len} bytes");
        }
    }
    let mut longer = blob.clone();
    longer.insert(blob.len() - 4, 0);
    let trailing = Some(PlanError::Trailing { bytes: 1 });
    assert_eq!(refused(&file, &sealed(longer)), trailing);
    for bit in 0..8 * blob.len() {
        let mut flipped = blob.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let error = refused(&file, &flipped);
        let expected = matches!(error, Some(PlanError::Magic | PlanError::Crc { .. }));
        assert!(expected, "bit {bit}: {error:?}");
    }
    let mut small = PlanRows::<32, 4>::new();
    let kernels = Registry::<Sgd>::new(file.plan.plan());
    let error = Loaded::from_bytes(kernels, &blob, small.storage()).err();
    let needed = file.plan.steps.len();
    let steps = PlanError::Storage {
        table: Table::Steps,
        needed,
        found: 4,
    };
    assert_eq!(error, Some(steps));
}

/// A firmware that has all kernels but one.
struct Without<'p>(Registry<'p, Sgd>);

impl Model for Without<'_> {
    type Optimizer = Sgd;

    fn plan(&self) -> Plan<'_> {
        self.0.plan()
    }

    fn call(
        &self,
        args: &mut tinpail::exec::Args<'_, '_, Sgd>,
    ) -> Result<(), tinpail::exec::Fault> {
        self.0.call(args)
    }

    fn links(&self, kernel: Kernel) -> bool {
        kernel != Kernel::DenseForward
    }
}

#[test]
fn a_kernel_that_is_not_linked() {
    let file = net::plan(Train::Fused);
    let kernels = Without(Registry::new(file.plan.plan()));
    let kernel = Kernel::DenseForward as u16;
    let error = Loaded::new(kernels, file.plan.plan()).err();
    assert_eq!(error, Some(PlanError::NotLinked { kernel }));
}

/// Every rule of the check, broken once.
#[test]
fn plans_that_mean_nothing() {
    let file = net::plan(Train::Held);
    let wrong = |change: &dyn Fn(&mut PlanBuf)| broken(&file, change);
    let row = |table, row| Some(PlanError::Row { table, row });

    assert_eq!(
        wrong(&|plan| plan.default_bucket = 99),
        Some(PlanError::Head)
    );
    assert_eq!(
        wrong(&|plan| plan.persistent_len = plan.arena_len + 1),
        Some(PlanError::Head)
    );
    assert_eq!(wrong(&|plan| plan.flash_len += 4), Some(PlanError::Head));

    let param = Some(PlanError::Param { index: 1 });
    assert_eq!(wrong(&|plan| plan.params[1].flash += 4), param);
    assert_eq!(wrong(&|plan| plan.params[1].lr_mult = f32::NAN), param);
    assert_eq!(
        wrong(&|plan| plan.params[1].home = plan.params[0].home),
        param
    );
    let persistent = file.plan.persistent_len;
    assert_eq!(
        wrong(&|plan| plan.params[1].home = Home::Arena(persistent)),
        param
    );
    assert_eq!(
        wrong(&|plan| plan.params[1].grad = plan.params[0].state),
        param
    );

    let missing = Rows {
        start: 0,
        end: u16::MAX,
    };
    assert_eq!(
        wrong(&|plan| plan.buckets[1].data = missing),
        row(Table::Buckets, 1)
    );
    assert_eq!(
        wrong(&|plan| plan.buckets[0].train = 99),
        row(Table::Buckets, 0)
    );
    let infer = usize::from(file.plan.buckets[0].infer);
    assert_eq!(
        wrong(&|plan| plan.programs[infer].forward = missing),
        row(Table::Programs, infer)
    );
    assert_eq!(
        wrong(&|plan| plan.programs[infer].outputs = missing),
        row(Table::Programs, infer)
    );
    let last = file.plan.calls.len() - 1;
    assert_eq!(
        wrong(&|plan| plan.calls[last].operands = u16::MAX),
        row(Table::Calls, last)
    );
    let empty = PortKind::U16 {
        min: 3,
        max: 2,
        ignore: None,
    };
    assert_eq!(
        wrong(&|plan| plan.ports[0].kind = empty),
        row(Table::Ports, 0)
    );

    // A call alone, in place of the first program's: a fill or a copy.
    let calls = |kernel, spans: Vec<Span>| wrong(&|plan| alone(plan, kernel, &spans, None));
    let arena = file.plan.arena_len;
    let transient = |at: u32| Span::new(Space::Arena, persistent + at, 4);
    let call = file.plan.calls.len();
    assert_eq!(calls(Kernel::Copy, vec![transient(0), transient(4)]), None);
    let overlap = Some(PlanError::Overlap { call });
    assert_eq!(
        calls(Kernel::Copy, vec![transient(0), transient(3)]),
        overlap
    );
    let outside = |operand| Some(PlanError::Operand { call, operand });
    let beyond = Span::new(Space::Arena, arena - 3, 4);
    assert_eq!(calls(Kernel::Copy, vec![transient(0), beyond]), outside(1));
    let no_port = Span::new(Space::Data(9), 0, 4);
    assert_eq!(calls(Kernel::Copy, vec![no_port, transient(0)]), outside(0));
    let read_only = |operand| Some(PlanError::ReadOnly { call, operand });
    let flash = Span::new(Space::Flash, 0, 4);
    assert_eq!(calls(Kernel::Copy, vec![transient(0), flash]), read_only(1));
    // An inference moves no parameter.
    let weight = Span::new(Space::Arena, 0, 4);
    assert_eq!(
        calls(Kernel::Copy, vec![transient(0), weight]),
        read_only(1)
    );

    // The same in a loop, whose last turn is the one that is wrong.
    let turns = |strides: [i16; 2], count| {
        let spans = [transient(0), transient(4)];
        wrong(&|plan| alone(plan, Kernel::Copy, &spans, Some((count, strides))))
    };
    assert_eq!(turns([0, 1], 3), None);
    assert_eq!(turns([1, 0], 2), overlap);
    // They pass each other without ever meeting at a turn: refused all the same.
    assert_eq!(turns([8, 0], 2), overlap);
    assert_eq!(turns([0, i16::MAX], 900), outside(1));
    assert_eq!(turns([-1, 0], u16::MAX), outside(0));
    let loops = file.plan.loops.len();
    assert_eq!(turns([0, 0], 0), row(Table::Loops, loops));
}

/// The inference of the first bucket is one call, alone or in a loop.
fn alone(plan: &mut PlanBuf, kernel: Kernel, spans: &[Span], turns: Option<(u16, [i16; 2])>) {
    let next = |len: usize| Rows {
        start: len as u16,
        end: len as u16 + 1,
    };
    let call = tinpail::plan::Call {
        kernel,
        int_count: 0,
        operands: plan.operands.len() as u16,
        ints: 0,
    };
    for span in spans {
        plan.operands.push(Operand::shared(plan.spans.len() as u16));
        plan.spans.push(*span);
    }
    let body = next(plan.steps.len());
    plan.steps.push(Step::call(plan.calls.len() as u16));
    plan.calls.push(call);
    let mut program = plan.plan().program(plan.buckets[0].infer);
    program.forward = body;
    if let Some((count, strides)) = turns {
        program.forward = next(plan.steps.len());
        plan.steps.push(Step::repeat(plan.loops.len() as u16));
        plan.loops.push(Loop {
            count,
            body,
            strides: plan.strides.len() as u16,
        });
        plan.strides.extend(strides);
    }
    plan.buckets[0].infer = plan.programs.len() as u16;
    plan.programs.push(program);
}

/// A tensor of a port's length and kind.
fn input(port: &Port) -> Input {
    match port.kind {
        PortKind::F32 => Input::F32(vec![0.25; port.len as usize]),
        PortKind::U16 { min, .. } => Input::U16(vec![min; port.len as usize]),
    }
}

/// Loads the plan, and runs what it has, in the memory that it asks for and no more. Whatever it says: no panic, nothing
/// behind the arena is touched, and an inference changes no parameter. Whether it was accepted.
fn survives(file: &PlanFile, bytes: &[u8], blob: &[u8]) -> bool {
    const GUARD: f32 = 77.0;
    const LARGEST: u32 = 1 << 14;
    let mut memory = Memory::new();
    let kernels = Registry::<Sgd>::new(file.plan.plan());
    let Ok(model) = Loaded::from_bytes(kernels, bytes, memory.storage()) else {
        return false;
    };
    let plan = model.plan();
    let (arena_len, ports) = (plan.arena_len, plan.ports.to_vec());
    if arena_len > LARGEST || ports.iter().any(|port| port.len > LARGEST) {
        return true;
    }
    let buckets = plan.buckets.to_vec();
    let mut arena = vec![GUARD; arena_len as usize + 64];
    let (own, behind) = arena.split_at_mut(arena_len as usize);
    if let Ok(mut module) = Module::bind_words(model, own, blob) {
        let _ = module.init_optimizer(SGD);
        let params = |module: &Module<'_>| -> Vec<Vec<u32>> {
            let each = (0..file.plan.params.len()).map(|at| module.get_params(at));
            each.map(|values| values.map(run::bits).unwrap_or_default())
                .collect()
        };
        for (index, bucket) in buckets.iter().enumerate() {
            let inputs = |rows: Rows| -> Vec<Input> { rows.of(&ports).iter().map(input).collect() };
            let (data, labels) = (inputs(bucket.data), inputs(bucket.labels));
            let data: Vec<Tensor<'_>> = data.iter().map(Input::tensor).collect();
            let labels: Vec<Tensor<'_>> = labels.iter().map(Input::tensor).collect();
            let batch = Batch::new(BucketIndex(index as u16), &data).with_label(&labels);
            let before = params(&module);
            let _ = module.forward(&batch);
            assert_eq!(params(&module), before);
            let _ = module.get_outputs(0).map(<[f32]>::len);
            let _ = module.train_step(&batch);
        }
    }
    assert!(behind.iter().all(|word| *word == GUARD));
    true
}

fn parameters(file: &PlanFile) -> AlignedBlob {
    Persistent::random(file, &mut Rng::new(3)).blob(file)
}

#[test]
fn every_bit_of_a_sealed_plan_flipped() {
    for file in files() {
        let blob = file.blob().expect("a blob");
        let values = parameters(&file);
        assert!(survives(&file, &blob, values.bytes()));
        let mut accepted = 0;
        for bit in 0..8 * (blob.len() - 4) {
            let mut flipped = blob.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            accepted += usize::from(survives(&file, &sealed(flipped), values.bytes()));
        }
        // Some change what is computed, and no more; most are refused.
        assert!(
            accepted > 0 && accepted < 4 * blob.len(),
            "{accepted} accepted"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(500)))]

    #[test]
    fn bytes_of_a_sealed_plan_changed(
        which in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let file = &files()[which];
        let mut bytes = file.blob().expect("a blob");
        let covered = bytes.len() - 4;
        for (at, byte) in &changes {
            bytes[at.index(covered)] = *byte;
        }
        survives(file, &sealed(bytes), parameters(file).bytes());
    }
}

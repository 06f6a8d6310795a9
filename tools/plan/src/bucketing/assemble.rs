//! From a configuration to a plan file: every bucket through every stage.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tinpail::blob::align_words;
use tinpail::plan::{Home, Param, ParamKind, Port, PortKind, Space, Span, Train};
use tinpail::recipe::{Recipe, VERSION};

use super::arguments::Arguments;
use super::loose::{LooseCall, LooseProgram, LooseStep, roll};
use super::placed::placed;
use super::tables::{LooseBucket, Tables};
use super::{Ahead, Bucketing, Compression, GradReq, Roll, Saved};
use crate::alias::{self, Aliases};
use crate::error::Error;
use crate::infer::{Shapes, infer};
use crate::ir::{BufId, Code, Storage};
use crate::limit::{self, Choice, Variant};
use crate::live::lives;
use crate::lower::{Setting, lower, norms};
use crate::narrow::{candidates, narrow};
use crate::order::order;
use crate::place::{Item, Placement, largest_live_sum, place};
use crate::plan_file::{
    BucketNames, BucketReport, Named, PlanBuf, PlanFile, ProgramReport, Recomputed, Report,
};
use crate::ports::port_kind;
use crate::report;
use crate::segment;
use crate::stack;
use crate::symbol::{DataDesc, Net, NodeId, Op, Sym};
use crate::validate::{self, Broken};

/// A bucket's network, fused, with its shapes.
struct Bucket {
    key: u32,
    net: Net,
    shapes: Shapes,
}

/// Where the persistent things lie in the arena, in elements.
struct Persistent {
    params: Vec<Option<u32>>,
    states: Vec<Option<u32>>,
    grads: Vec<Option<u32>>,
    residuals: Vec<Option<u32>>,
    carried: Vec<u32>,
    len: u32,
}

pub fn assemble<F: Fn(u32) -> Result<Net, Error>>(
    config: &Bucketing<F>,
) -> Result<PlanFile, Error> {
    check_config(config)?;
    let mut keys = config.bucket_keys.clone();
    keys.sort_unstable();
    let largest = keys.last().copied().unwrap_or_default();
    let default_key = config.default_bucket_key.unwrap_or(largest);
    let default_bucket = keys
        .iter()
        .position(|key| *key == default_key)
        .ok_or_else(|| {
            Error::Config(format!(
                "default_bucket_key {default_key} is not among bucket_keys"
            ))
        })?;

    let mut buckets = Vec::new();
    for key in keys {
        let net = (config.sym_gen)(key)?;
        let fused = crate::fuse::fuse(&net, config.batch_size)?;
        let shapes = infer(&fused, config.batch_size)?;
        buckets.push(Bucket {
            key,
            net: fused,
            shapes,
        });
    }
    let default = &buckets[default_bucket];
    let arguments = Arguments::of(config, &default.net, &default.shapes)?;
    let persistent = Persistent::of(config, &arguments);
    let mut flash = 0;
    let param_lens = arguments.param_lens();
    let params: Vec<Param> = arguments
        .parameters
        .iter()
        .enumerate()
        .map(|(index, own)| {
            let start = flash;
            flash += align_words(param_lens[index] as u32);
            Param {
                kind: match own.auxiliary {
                    true => ParamKind::Auxiliary,
                    false => ParamKind::Argument,
                },
                len: param_lens[index] as u32,
                flash: start,
                home: persistent.params[index].map_or(Home::Flash, Home::Arena),
                state: persistent.states[index],
                grad: persistent.grads[index],
                residual: persistent.residuals[index],
                lr_mult: own.lr_mult,
                wd_mult: own.wd_mult,
            }
        })
        .collect();

    let maker = Maker {
        config,
        arguments: &arguments,
        persistent: &persistent,
        params: &params,
    };
    let mut drafts = Vec::new();
    for bucket in &buckets {
        drafts.push(maker.drafts(bucket, default_key)?);
    }
    let programs = drafts.iter().flatten().flatten();
    let limit = programs.map(|draft| draft.peak).max().unwrap_or(0);
    for (bucket, drafts) in buckets.iter().zip(&mut drafts) {
        maker.widen(bucket, default_key, limit, drafts)?;
    }
    let mut finished = Vec::new();
    let mut loose = Vec::new();
    for (bucket, [infer, train]) in buckets.iter().zip(drafts) {
        let infer = infer.map(|draft| maker.finish(draft, limit)).transpose()?;
        let train = train.map(|draft| maker.finish(draft, limit)).transpose()?;
        loose.push(maker.loose(bucket, &infer, &train)?);
        finished.push([infer, train]);
    }
    let names: Vec<BucketNames> = buckets.iter().map(bucket_names).collect();
    check_names(&names, &names[default_bucket])?;
    let programs = finished.iter().flatten().flatten();
    let peak = programs.map(|program| program.draft.peak).max();
    let arena_len = persistent.len as usize + peak.unwrap_or(0);
    let all: Vec<&LooseBucket> = loose.iter().collect();
    let tables = Tables::of(&all)?;
    let mut reports = Vec::new();
    for (at, bucket) in loose.iter().enumerate() {
        let others = all.iter().enumerate().filter(|(other, _)| *other != at);
        let others: Vec<&LooseBucket> = others.map(|(_, other)| *other).collect();
        let [infer, train] = &finished[at];
        reports.push(BucketReport {
            key: bucket.key,
            infer: infer.as_ref().map(Finished::report).unwrap_or_default(),
            train: train.as_ref().map(Finished::report),
            plan_bytes: tables.bytes() - Tables::of(&others)?.bytes(),
        });
    }
    let plan_bytes = tables.bytes() + size_of_val(params.as_slice());
    let mut plan = PlanBuf {
        schema: arguments.schema(),
        fingerprint: 0,
        recipe: Recipe {
            version: VERSION,
            math: config.math,
            products: config.products,
        },
        train: config.train,
        optimizer: config.optimizer.kind(),
        batch_size: config.batch_size as u32,
        arena_len: arena_len as u32,
        persistent_len: persistent.len,
        flash_len: flash,
        default_bucket: default_bucket as u16,
        params,
        states: persistent.state_spans(&arguments),
        buckets: tables.buckets,
        programs: tables.programs,
        ports: tables.ports,
        steps: tables.steps,
        loops: tables.loops,
        calls: tables.calls,
        operands: tables.operands,
        strides: tables.strides,
        spans: tables.spans,
        ints: tables.ints,
    };
    for (bucket, programs) in plan.buckets.iter().zip(&finished) {
        for (row, program) in [bucket.infer, bucket.train].into_iter().zip(programs) {
            if let Some(program) = program {
                let valid = program.validate(&plan.plan(), bucket.frame, row);
                valid.map_err(|broken| Error::Invalid(broken.to_string()))?;
            }
        }
    }
    plan.fingerprint = plan.own_fingerprint()?;
    let file = PlanFile {
        params: named(
            arguments
                .parameters
                .iter()
                .map(|own| (&own.name, &own.shape)),
        ),
        states: named(arguments.states.iter().map(|own| (&own.name, &own.shape))),
        buckets: names,
        lr_scheduler: config.lr_scheduler,
        step_names: tables.step_names,
        report: Report {
            arena_bytes: 4 * arena_len,
            param_bytes: present_bytes(&persistent.params, &param_lens),
            optimizer_bytes: present_bytes(&persistent.states, &arguments.opt_state_lens(config)),
            grad_bytes: present_bytes(&persistent.grads, &param_lens)
                + present_bytes(&persistent.residuals, &param_lens),
            state_bytes: 4 * arguments.state_lens().iter().sum::<usize>(),
            flash_param_bytes: 4 * flash as usize,
            plan_bytes,
            saved: config.saved,
            buckets: reports,
        },
        plan,
    };
    match config.ram_limit_bytes {
        Some(limit) if file.report.arena_bytes > limit => Err(Error::RamLimit {
            needed: file.report.arena_bytes,
            limit,
            table: report::table(&file),
        }),
        _ => Ok(file),
    }
}

fn check_config<F>(config: &Bucketing<F>) -> Result<(), Error> {
    let wrong = |what: &str| Err(Error::Config(what.into()));
    let mut keys = config.bucket_keys.clone();
    keys.sort_unstable();
    if keys.is_empty() {
        return wrong("bucket_keys is empty");
    }
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return wrong("bucket_keys has a key twice");
    }
    if config.batch_size == 0 {
        return wrong("batch_size is 0");
    }
    let adds = |(_, grad_req): &(String, GradReq)| *grad_req == GradReq::Add;
    let adds = config.grad_req == GradReq::Add || config.grad_reqs.iter().any(adds);
    if adds && config.train != Train::Held {
        return wrong(
            "grad_req = add needs Train::Held: a fused update keeps no gradient to add to",
        );
    }
    for (name, mult) in config.lr_mults.iter().chain(&config.wd_mults) {
        if !mult.is_finite() || *mult < 0.0 {
            return Err(Error::Config(format!(
                "{name}: a multiplier of {mult} is not 0 or more"
            )));
        }
    }
    if let Some(Compression::TwoBit { threshold }) = config.compression {
        if threshold.is_nan() || threshold <= 0.0 || threshold.is_infinite() {
            return Err(Error::Config(format!(
                "compression_params: threshold {threshold} is not greater than 0"
            )));
        }
        if config.train != Train::Held {
            return wrong(
                "compression_params needs Train::Held: what is compressed is a whole gradient",
            );
        }
    }
    if let Some(max_norm) = config.clip_global_norm {
        if !(max_norm > 0.0 && max_norm.is_finite()) {
            return Err(Error::Config(format!(
                "clip_global_norm: {max_norm} is not greater than 0"
            )));
        }
        if !matches!(config.train, Train::Fused | Train::Held) {
            return wrong(
                "clip_global_norm needs Train::Fused or Train::Held: the norm is that of all gradients",
            );
        }
        if config.compression.is_some() {
            return wrong(
                "clip_global_norm and compression_params: what is sent is not what is clipped",
            );
        }
    }
    if config.saved != Saved::F32 && config.train == Train::None {
        return wrong("saved_activations needs a plan that trains");
    }
    if !config.keep_outputs && config.train != Train::Step {
        return wrong(
            "keep_outputs(false) needs Train::Step: backward and update are verbs of their own otherwise",
        );
    }
    if config.inputs_need_grad && config.train == Train::None {
        return wrong("inputs_need_grad needs a plan that trains");
    }
    Ok(())
}

/// Bytes of those arrays that are there.
fn present_bytes(offsets: &[Option<u32>], lens: &[usize]) -> usize {
    let present = offsets.iter().zip(lens);
    4 * present
        .filter(|(offset, _)| offset.is_some())
        .map(|(_, len)| len)
        .sum::<usize>()
}

fn named<'n>(items: impl Iterator<Item = (&'n String, &'n Vec<usize>)>) -> Vec<Named> {
    items
        .map(|(name, shape)| Named {
            name: name.clone(),
            shape: shape.clone(),
        })
        .collect()
}

fn bucket_names(bucket: &Bucket) -> BucketNames {
    let Bucket { key, net, shapes } = bucket;
    let inputs = |descs: &[DataDesc]| {
        descs
            .iter()
            .map(|desc| Named {
                name: desc.name.clone(),
                shape: input_shape(net, shapes, &desc.name),
            })
            .collect()
    };
    BucketNames {
        key: *key,
        data_shapes: inputs(&net.data),
        label_shapes: inputs(&net.labels),
        output_shapes: net
            .heads
            .iter()
            .map(|head| Named {
                name: net.output_name(*head),
                shape: shapes.of(*head).to_vec(),
            })
            .collect(),
    }
}

/// The variable `name`, if the network reads one.
fn variable(net: &Net, name: &str) -> Option<Sym> {
    let found = net
        .nodes
        .iter()
        .position(|node| node.op == Op::Variable && node.name == name)?;
    Some(Sym {
        node: NodeId(found as u32),
        output: 0,
    })
}

/// Data, labels and outputs are told apart by position: no bucket may have one where the default bucket has
/// another, or another number of them. (Names of outputs may differ: MXNet's cells number them by step.)
fn check_names(buckets: &[BucketNames], default: &BucketNames) -> Result<(), Error> {
    type Side = fn(&BucketNames) -> &[Named];
    let sides: [(&str, Side); 3] = [
        ("data", |bucket| &bucket.data_shapes),
        ("labels", |bucket| &bucket.label_shapes),
        ("outputs", |bucket| &bucket.output_shapes),
    ];
    for bucket in buckets {
        for (what, side) in sides {
            let (here, there) = (side(bucket), side(default));
            let moved = here.iter().enumerate().any(|(at, named)| {
                let place = there.iter().position(|other| other.name == named.name);
                place.is_some_and(|place| {
                    place != at && there.get(at).is_none_or(|other| other.name != named.name)
                })
            });
            if moved || here.len() != there.len() {
                let list = |named: &[Named]| -> String {
                    let names: Vec<&str> = named.iter().map(|named| named.name.as_str()).collect();
                    names.join(", ")
                };
                return Err(Error::Config(format!(
                    "{what} of bucket {}: {}; of the default bucket {}: {}",
                    bucket.key,
                    list(here),
                    default.key,
                    list(there)
                )));
            }
        }
    }
    Ok(())
}

fn input_shape(net: &Net, shapes: &Shapes, name: &str) -> Vec<usize> {
    variable(net, name).map_or_else(Vec::new, |sym| shapes.of(sym).to_vec())
}

impl Persistent {
    fn of<F>(config: &Bucketing<F>, arguments: &Arguments) -> Self {
        let mut len = 0;
        let mut take = |elements: usize| {
            let start = len;
            len += align_words(elements as u32);
            start
        };
        let lens = arguments.param_lens();
        let trainable = arguments.trainable();
        let mut arrays = |lens: &[usize], wanted: &dyn Fn(usize) -> bool| -> Vec<Option<u32>> {
            let each = lens.iter().enumerate();
            each.map(|(index, len)| wanted(index).then(|| take(*len)))
                .collect()
        };
        // Backward moves the auxiliary states.
        let moving = config.train != Train::None;
        let auxiliary = arguments.auxiliary();
        let params = arrays(&lens, &|index| {
            trainable[index] || auxiliary[index] && moving
        });
        let states = arrays(&arguments.opt_state_lens(config), &|index| {
            trainable[index] && config.optimizer.has_state()
        });
        let grads = arrays(&lens, &|index| {
            trainable[index] && config.train == Train::Held
        });
        let residuals = arrays(&lens, &|index| {
            trainable[index] && config.compression.is_some()
        });
        let carried = arguments.state_lens().into_iter().map(take).collect();
        Persistent {
            params,
            states,
            grads,
            residuals,
            carried,
            len,
        }
    }

    fn state_spans(&self, arguments: &Arguments) -> Vec<Span> {
        let lens = arguments.state_lens();
        let each = self.carried.iter().zip(lens);
        each.map(|(offset, len)| Span::new(Space::Arena, *offset, len as u32))
            .collect()
    }
}

/// With more values that could be stored as f16 it is all of them or none.
const NARROW_TRIALS: usize = 100;

struct Maker<'c, F> {
    config: &'c Bucketing<F>,
    arguments: &'c Arguments,
    persistent: &'c Persistent,
    params: &'c [Param],
}

/// A program whose buffers have places.
struct Draft {
    code: Code,
    aliases: Aliases,
    /// The life of every transient buffer that has a place of its own and is used, by buffer.
    lives: BTreeMap<usize, Item>,
    /// Where those lie, from the start of the transient part on.
    places: HashMap<usize, usize>,
    peak: usize,
    lower_bound: usize,
    /// Steps of the exact placement.
    nodes: u64,
    /// What the RAM limit cost.
    recomputed: Option<Recomputed>,
}

/// A program that is ready for the tables.
struct Finished {
    draft: Draft,
    /// Where each buffer lies in the arena, if it does.
    offsets: Vec<Option<usize>>,
    base: usize,
    loose: LooseProgram,
}

impl Finished {
    fn validate(&self, plan: &tinpail::Plan<'_>, frame: u16, row: u16) -> Result<(), Broken> {
        let Draft { code, aliases, .. } = &self.draft;
        let placed = validate::Placed {
            code,
            offsets: &self.offsets,
            persistent_len: self.base,
            arena_len: self.base + self.draft.peak,
        };
        placed.validate_tables(plan, frame, row, &|instr| aliases.is_elided(instr))
    }

    fn report(&self) -> ProgramReport {
        let draft = &self.draft;
        let instrs = draft.code.instrs.iter();
        ProgramReport {
            calls: instrs
                .filter(|instr| !draft.aliases.is_elided(instr))
                .count(),
            peak_bytes: 4 * draft.peak,
            lower_bound_bytes: 4 * draft.lower_bound,
            optimal: draft.peak == draft.lower_bound,
            nodes: draft.nodes,
            recomputed: draft.recomputed,
            placed: placed(&draft.code, &draft.aliases, &draft.lives, &self.offsets),
            norms: norms(&draft.code),
        }
    }
}

impl<F> Maker<'_, F> {
    /// What `act` makes of what the bucket's network is lowered with.
    fn with_setting<R>(
        &self,
        bucket: &Bucket,
        default_key: u32,
        act: impl FnOnce(&Setting<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let Bucket { key, net, shapes } = bucket;
        act(&Setting {
            roles: &self.arguments.roles(net, shapes, *key, default_key)?,
            trainable: &self.arguments.trainable(),
            auxiliary: &self.arguments.auxiliary(),
            param_lens: &self.arguments.param_lens(),
            state_arrays: match self.config.optimizer {
                optimizer if optimizer.has_state() => optimizer.kind().arrays() as usize,
                _ => 0,
            },
            train: self.config.train,
            grad_add: &self.arguments.grad_add(),
            compression: self.config.compression,
            inputs_need_grad: self.config.inputs_need_grad,
            clip_global_norm: self.config.clip_global_norm,
            saved: self.config.saved,
            keep_outputs: self.config.keep_outputs,
            sums: false,
            ahead: match self.config.ahead {
                Ahead::Off | Ahead::Free => 0,
                Ahead::Steps(steps) => steps,
            },
        })
    }

    /// The programs of a bucket, for inference and for training.
    fn drafts(&self, bucket: &Bucket, default_key: u32) -> Result<[Option<Draft>; 2], Error> {
        self.with_setting(bucket, default_key, |setting| {
            let Bucket { net, shapes, .. } = bucket;
            let infer = self.draft(lower(net, shapes, setting, false)?)?;
            if self.config.train == Train::None {
                return Ok([Some(infer), None]);
            }
            // Layers that are not trained form their products one by one.
            let setting = &Setting {
                ahead: 0,
                ..setting.clone()
            };
            let train = self.training(bucket, setting)?;
            match self.transient_limit() {
                Some(limit) if train.peak > limit && self.config.share_memory => {
                    let train = self.within(limit, bucket, setting, train)?;
                    Ok([Some(infer), Some(train)])
                }
                _ => Ok([Some(infer), Some(train)]),
            }
        })
    }

    /// The training program that keeps all that backward needs.
    fn training(&self, bucket: &Bucket, setting: &Setting<'_>) -> Result<Draft, Error> {
        let Bucket { net, shapes, .. } = bucket;
        let train = lower(net, shapes, setting, true)?;
        if self.config.saved != Saved::F16 {
            return self.draft(train);
        }
        // What is rounded is chosen by the fused program, so that the bits do not depend on who holds gradients.
        let fused = Setting {
            train: Train::Fused,
            ..setting.clone()
        };
        let mut which = self.narrowed(&lower(net, shapes, &fused, true)?)?;
        which.retain(|buf| candidates(&train).contains(buf));
        self.draft(narrow(&train, &which))
    }

    /// Has recurrent layers of inference form as many products ahead as `limit` elements leave room for.
    fn widen(
        &self,
        bucket: &Bucket,
        default_key: u32,
        limit: usize,
        [infer, _]: &mut [Option<Draft>; 2],
    ) -> Result<(), Error> {
        let Bucket { net, shapes, .. } = bucket;
        let longest = segment::longest(net, shapes);
        if longest == 0 || self.config.ahead == Ahead::Off || !self.config.share_memory {
            return Ok(());
        }
        self.with_setting(bucket, default_key, |setting| {
            let halves = std::iter::successors(Some(longest), |steps| Some(steps / 2));
            for ahead in halves.take_while(|ahead| *ahead > setting.ahead) {
                let setting = Setting {
                    ahead,
                    ..setting.clone()
                };
                let wide = self.draft(lower(net, shapes, &setting, false)?)?;
                if wide.peak <= limit {
                    *infer = Some(wide);
                    break;
                }
            }
            Ok(())
        })
    }

    /// Elements that `ram_limit_bytes` leaves to the transient part.
    fn transient_limit(&self) -> Option<usize> {
        let limit = self.config.ram_limit_bytes?;
        Some((limit / 4).saturating_sub(self.persistent.len as usize))
    }

    /// The cheapest training program found whose transient part takes at most `limit` elements, or the smallest.
    fn within(
        &self,
        limit: usize,
        bucket: &Bucket,
        setting: &Setting<'_>,
        plain: Draft,
    ) -> Result<Draft, Error> {
        let mut variants = vec![Variant {
            steps: None,
            code: plain.code.clone(),
        }];
        // Deltas that outlive backward are what cutting and recomputing cannot shrink.
        let setting = Setting {
            sums: true,
            ..setting.clone()
        };
        let Bucket { net, shapes, .. } = bucket;
        // The norm of all gradients is formed from deltas; what is narrowed was chosen for the plain program.
        let fused = setting.train == Train::Fused;
        let clips = fused && setting.clip_global_norm.is_some();
        let plain_alone = clips || setting.saved != Saved::F32;
        if fused && !plain_alone {
            variants.push(Variant {
                steps: None,
                code: lower(net, shapes, &setting, true)?,
            });
        }
        let longest = match plain_alone {
            true => 0,
            false => segment::longest(net, shapes),
        };
        for steps in segment::lengths(longest) {
            let cut = segment::segmented(net, shapes, steps)?;
            let shapes = infer(&cut, self.config.batch_size)?;
            variants.push(Variant {
                steps: Some(steps),
                code: lower(&cut, &shapes, &setting, true)?,
            });
        }
        let mut best = plain;
        // Where nothing is found for the limit, the search for the smallest may still come below it.
        let smallest = (limit > 0).then_some(0);
        for goal in std::iter::once(limit).chain(smallest) {
            for choice in limit::choices(variants.clone(), goal) {
                let draft = self.chosen(choice)?;
                if draft.peak < best.peak {
                    best = draft;
                }
                if best.peak <= limit {
                    return Ok(best);
                }
            }
        }
        Ok(best)
    }

    fn chosen(&self, choice: Choice) -> Result<Draft, Error> {
        let same = validate::same(&choice.keeping, &choice.code);
        same.map_err(|broken| Error::Invalid(broken.to_string()))?;
        Ok(Draft {
            recomputed: Some(Recomputed {
                buffers: choice.dropped,
                steps: choice.steps,
                macs: choice.macs,
                plain_macs: choice.plain_macs,
            }),
            ..self.draft(choice.code)?
        })
    }

    /// Those values which, stored as f16, make the training program smaller: one that is not needed where the most lives
    /// is left alone.
    fn narrowed(&self, code: &Code) -> Result<BTreeSet<BufId>, Error> {
        let peak = |which: &BTreeSet<BufId>| -> Result<usize, Error> {
            let code = narrow(code, which);
            let lives = lives(&code, &alias::elide(&code));
            let items: Vec<Item> = lives.values().copied().collect();
            largest_live_sum(&items)
        };
        let mut which = candidates(code);
        let mut least = peak(&which)?;
        if which.len() <= NARROW_TRIALS {
            for buf in which.clone() {
                let mut fewer = which.clone();
                fewer.remove(&buf);
                let without = peak(&fewer)?;
                if without <= least {
                    (which, least) = (fewer, without);
                }
            }
        }
        let none = BTreeSet::new();
        Ok(if least < peak(&none)? { which } else { none })
    }

    /// What the tables take of a bucket.
    fn loose(
        &self,
        bucket: &Bucket,
        infer: &Option<Finished>,
        train: &Option<Finished>,
    ) -> Result<LooseBucket, Error> {
        let Bucket { key, net, shapes } = bucket;
        let loose = |program: &Option<Finished>| {
            let program = program.as_ref();
            program.map_or_else(LooseProgram::default, |program| program.loose.clone())
        };
        Ok(LooseBucket {
            key: *key,
            data: self.ports(net, shapes, &net.data)?,
            labels: self.ports(net, shapes, &net.labels)?,
            infer: loose(infer),
            train: loose(train),
        })
    }

    fn ports(&self, net: &Net, shapes: &Shapes, descs: &[DataDesc]) -> Result<Vec<Port>, Error> {
        let limit = usize::from(Span::PORT_LIMIT);
        if descs.len() > limit {
            return Err(Error::Config(format!(
                "{} data inputs or labels; {limit} are the most",
                descs.len()
            )));
        }
        descs
            .iter()
            .map(|desc| {
                let shape = input_shape(net, shapes, &desc.name);
                let kind = match variable(net, &desc.name) {
                    Some(sym) => port_kind(net, shapes, sym)?,
                    None => PortKind::F32,
                };
                Ok(Port {
                    kind,
                    len: shape.iter().product::<usize>() as u32,
                })
            })
            .collect()
    }

    /// Places a program's buffers.
    fn draft(&self, mut code: Code) -> Result<Draft, Error> {
        let ordered = self.config.share_memory.then(|| order(&code)).flatten();
        if let Some(ordered) = ordered {
            let same = validate::same(&code, &ordered);
            same.map_err(|broken| Error::Invalid(broken.to_string()))?;
            code = ordered;
        }
        let aliases = if self.config.share_memory {
            alias::elide_where_free(&code)
        } else {
            Aliases::none(&code)
        };
        let lives = lives(&code, &aliases);
        let items: Vec<Item> = lives.values().copied().collect();
        let Placement {
            offsets,
            peak,
            lower_bound,
            nodes,
        } = if self.config.share_memory {
            place(&items, self.config.place_nodes)?
        } else {
            one_after_the_other(&items)?
        };
        Ok(Draft {
            places: lives.keys().copied().zip(offsets).collect(),
            code,
            aliases,
            lives,
            peak,
            lower_bound,
            nodes,
            recomputed: None,
        })
    }

    /// Rolls a program: with its buffers where they are, or stacked, if that takes fewer rows and, unless it may, no
    /// memory beyond `limit`.
    fn finish(&self, mut draft: Draft, limit: usize) -> Result<Finished, Error> {
        let rows = |loose: &LooseProgram| -> usize {
            let steps = loose.phases.iter().flatten();
            steps.map(|step| step.calls().len()).sum()
        };
        let (mut offsets, mut loose) = self.roll(&draft, &draft.places)?;
        if self.config.share_memory && self.config.roll != Roll::Off {
            let stacks = stack::stacks(&draft.code, &draft.aliases, &draft.lives);
            if !stacks.is_empty() {
                let (peak, places) = stack::place(&draft.lives, &stacks, limit);
                let (stacked_offsets, stacked) = self.roll(&draft, &places)?;
                let may_grow = match (self.config.roll, self.transient_limit()) {
                    (Roll::Fully, None) => true,
                    (Roll::Fully, Some(granted)) => peak <= granted,
                    _ => false,
                };
                if (peak <= limit || may_grow) && rows(&stacked) < rows(&loose) {
                    (offsets, loose) = (stacked_offsets, stacked);
                    (draft.peak, draft.places) = (peak, places);
                }
            }
        }
        Ok(Finished {
            base: self.persistent.len as usize,
            draft,
            offsets,
            loose,
        })
    }

    /// The program over buffers at `places`: where each buffer lies, and the steps.
    fn roll(
        &self,
        draft: &Draft,
        places: &HashMap<usize, usize>,
    ) -> Result<(Vec<Option<usize>>, LooseProgram), Error> {
        let Draft { code, aliases, .. } = draft;
        let base = self.persistent.len as usize;
        let own: HashMap<usize, usize> = places.iter().map(|(buf, at)| (*buf, base + at)).collect();
        let offsets: Vec<Option<usize>> = (0..code.bufs.len())
            .map(|buf| self.offset(code, aliases, &own, buf))
            .collect();
        let span = |view: Option<crate::ir::View>| match view {
            None => Ok(Span::NONE),
            Some(view) => self.span(code, &offsets, view),
        };
        let mut phases: [Vec<LooseCall>; 4] = Default::default();
        for instr in code.instrs.iter().filter(|instr| !aliases.is_elided(instr)) {
            let spans: Result<Vec<Span>, Error> =
                instr.operands.iter().copied().map(span).collect();
            phases[instr.phase as usize].push(LooseCall {
                kernel: instr.kernel,
                spans: spans?,
                ints: instr.ints.clone(),
                node: instr.node.clone(),
            });
        }
        let spans = |views: &[crate::ir::View]| -> Result<Vec<Span>, Error> {
            views.iter().map(|view| span(Some(*view))).collect()
        };
        let head_grads = code.head_grads.iter().map(|len| Port {
            kind: PortKind::F32,
            len: *len as u32,
        });
        let loose = LooseProgram {
            phases: phases.map(|calls| match self.config.roll {
                Roll::Free | Roll::Fully => roll(calls),
                Roll::Off => calls.into_iter().map(LooseStep::Call).collect(),
            }),
            head_grads: head_grads.collect(),
            outputs: spans(&code.outputs)?,
            input_grads: spans(&code.input_grads)?,
        };
        Ok((offsets, loose))
    }

    /// Where a buffer lies in the arena, if it does.
    fn offset(
        &self,
        code: &Code,
        aliases: &Aliases,
        own: &HashMap<usize, usize>,
        buf: usize,
    ) -> Option<usize> {
        let at = |offset: Option<u32>| offset.map(|offset| offset as usize);
        match code.bufs[buf].storage {
            Storage::Param(index) => at(self.persistent.params[index]),
            Storage::OptState(index) => at(self.persistent.states[index]),
            Storage::Grad(index) => at(self.persistent.grads[index]),
            Storage::Residual(index) => at(self.persistent.residuals[index]),
            Storage::State(index) => Some(self.persistent.carried[index] as usize),
            Storage::Data(_) | Storage::Label(_) | Storage::HeadGrad(_) => None,
            Storage::Transient => {
                let view = aliases.resolve(crate::ir::View {
                    buf: crate::ir::BufId(buf),
                    offset: 0,
                    len: 0,
                });
                own.get(&view.buf.0).map(|start| start + view.offset)
            }
        }
    }

    fn span(
        &self,
        code: &Code,
        offsets: &[Option<usize>],
        view: crate::ir::View,
    ) -> Result<Span, Error> {
        let (space, start) = match (offsets[view.buf.0], code.buf(view).storage) {
            (Some(offset), _) => (Space::Arena, offset),
            (None, Storage::Param(index)) => (Space::Flash, self.params[index].flash as usize),
            (None, Storage::Data(port)) => (Space::Data(port as u8), 0),
            (None, Storage::Label(port)) => (Space::Label(port as u8), 0),
            (None, Storage::HeadGrad(port)) => (Space::HeadGrad(port as u8), 0),
            (None, _) => {
                return Err(Error::Invalid(format!(
                    "{} has no place",
                    code.buf(view).name
                )));
            }
        };
        let offset = start + view.offset;
        if offset + view.len > Span::OFFSET_LIMIT as usize {
            return Err(Error::Config(format!(
                "{} lies beyond the {} elements that a plan can address",
                code.buf(view).name,
                Span::OFFSET_LIMIT
            )));
        }
        // A kernel that is handed nothing must not see an operand of length zero as one that overlaps.
        if view.len == 0 {
            return Ok(Span::NONE);
        }
        Ok(Span::new(space, offset as u32, view.len as u32))
    }
}

/// Every buffer after the one before it: no memory is shared.
fn one_after_the_other(items: &[Item]) -> Result<Placement, Error> {
    let mut offsets = Vec::new();
    let mut end = 0;
    for item in items {
        offsets.push(end);
        end += item.size;
    }
    Ok(Placement {
        offsets,
        peak: end,
        lower_bound: largest_live_sum(items)?,
        nodes: 0,
    })
}

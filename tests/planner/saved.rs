//! Saved activations in f16: what they save, and what they cost a gradient.

use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, BucketingModule, Loaded, Registry, Tensor};
use tinpail_plan::symbol::{Act, FullyConnected, Mode, Rnn, SoftmaxOutput};
use tinpail_plan::{Bucketing, Error, Net, PlanFile, Saved, Symbols, Train};

use crate::common::rng::Rng;
use crate::common::run;
use crate::common::values::{Persistent, Sample};

const INPUTS: usize = 16;
const HIDDEN: usize = 32;
const CLASSES: usize = 10;
const STEPS: usize = 20;

/// A layer of `mode` over 16 channels, then a class from the last step.
fn recurrent(mode: Mode, layers: usize) -> impl Fn(u32) -> Result<Net, Error> {
    move |steps| {
        let mut s = Symbols::new();
        let (data, label) = (s.variable("data"), s.variable("softmax_label"));
        let rnn = Rnn {
            num_layers: layers,
            ..Rnn::new(mode, HIDDEN)
        };
        let y = s.rnn("rnn", data, rnn, &[]);
        let last = s.sequence_last("last", y, None, 0);
        let fc = s.fully_connected("fc", last, FullyConnected::new(CLASSES));
        let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
        Ok(s.net([softmax])
            .data("data", [steps as usize, 0, INPUTS])
            .label("softmax_label", [0]))
    }
}

fn plan(sym_gen: impl Fn(u32) -> Result<Net, Error>, train: Train, saved: Saved) -> PlanFile {
    let bucketing = Bucketing::new(sym_gen)
        .bucket_keys([STEPS as u32])
        .train(train)
        .saved_activations(saved);
    bucketing.plan().expect("a plan")
}

fn transients(file: &PlanFile) -> usize {
    let bucket = &file.report.buckets[0];
    bucket.train.as_ref().expect("it trains").peak_bytes
}

/// Batch 1, 20 steps: the bytes of a training step.
#[test]
fn transients_of_recurrent_layers() {
    for (name, mode, layers, most) in [
        ("LSTM 16-32-10", Mode::Lstm, 1, [15_700, 12_000]),
        ("LSTM 16-32-32-10", Mode::Lstm, 2, [31_500, 26_100]),
        ("GRU 16-32-10", Mode::Gru, 1, [13_200, 12_000]),
        ("RNN 16-32-10", Mode::RnnTanh, 1, [5_500, 4_300]),
    ] {
        let bytes = [Saved::F32, Saved::F16].map(|saved| {
            let file = plan(recurrent(mode, layers), Train::Fused, saved);
            assert_eq!((file.report.grad_bytes, file.report.saved), (0, saved));
            transients(&file)
        });
        println!("| {name} | {} | {} |", bytes[0], bytes[1]);
        assert!(bytes[0] <= most[0] && bytes[1] <= most[1], "{name}");
    }
}

/// Two layers with a product and a sigmoid between: what is no recurrent layer is stored as f16 where that is smaller.
fn wide(_: u32) -> Result<Net, Error> {
    let mut s = Symbols::new();
    let (data, label) = (s.variable("data"), s.variable("softmax_label"));
    let mut y = data;
    for layer in 0..6 {
        let fc = s.fully_connected(&format!("fc{layer}"), y, FullyConnected::new(61));
        y = s.activation(&format!("act{layer}"), fc, Act::Sigmoid);
    }
    let fc = s.fully_connected("fc", y, FullyConnected::new(4));
    let softmax = s.softmax_output("softmax", fc, label, SoftmaxOutput::default());
    Ok(s.net([softmax])
        .data("data", [0, 7])
        .label("softmax_label", [0]))
}

#[test]
fn other_layers_inputs_are_stored_where_that_is_smaller() {
    let [f32, f16] = [Saved::F32, Saved::F16].map(|saved| plan(wide, Train::Fused, saved));
    let [bytes_f32, bytes_f16] = [&f32, &f16].map(transients);
    println!("six layers of 61: {bytes_f32} B, {bytes_f16} B");
    // Deltas are f32: of two values for each unit one is half as large.
    assert!(100 * bytes_f16 <= 80 * bytes_f32);
    let [f32, f16] = [Saved::F32, Saved::F16].map(|saved| {
        let mut rng = Rng::new(3);
        let file = plan(wide, Train::Held, saved);
        let values = Persistent::random(&file, &mut rng);
        let sample = Sample::random(&file, 0, &mut rng);
        run::bound(&file, &values, |module| {
            run::train(&file, module, &sample, false)
        })
    });
    assert_eq!(f32.outputs, f16.outputs);
    // Six layers of slopes that are rounded in y (1 - y), and inputs that are: a dozen roundings of 2^-11 at most.
    let mut differ = 0;
    for (f32, f16) in f32.grads.iter().flatten().zip(f16.grads.iter().flatten()) {
        let largest = f32.iter().fold(0.0, |max: f32, grad| max.max(grad.abs()));
        for (f32, f16) in f32.iter().zip(f16) {
            differ += usize::from(f32 != f16);
            assert!((f32 - f16).abs() <= 12.0 / 2048.0 * largest, "{f32} {f16}");
        }
    }
    assert!(differ > 1000, "{differ}");
}

#[test]
fn saved_activations_need_training() {
    let bucketing = Bucketing::new(recurrent(Mode::Gru, 1))
        .bucket_keys([4])
        .train(Train::None)
        .saved_activations(Saved::F16);
    let error = bucketing.plan().expect_err("no training").to_string();
    assert!(error.contains("saved_activations"), "{error}");
}

/// The plan is another one, in its fingerprint and as a blob, over parameters that are the same.
#[test]
fn a_plan_with_f16_is_another_plan() {
    let [f32, f16] =
        [Saved::F32, Saved::F16].map(|saved| plan(recurrent(Mode::Lstm, 1), Train::Fused, saved));
    assert_ne!(f32.plan.fingerprint, f16.plan.fingerprint);
    assert_eq!(f32.plan.schema, f16.plan.schema);

    let mut rng = Rng::new(8);
    let values = Persistent::random(&f16, &mut rng);
    let sample = Sample::random(&f16, 0, &mut rng);
    let expected = run::bound(&f16, &values, |module| {
        run::train(&f16, module, &sample, true);
        run::persistent_bits(&f16, module)
    });
    let mut rows = tinpail::plan::PlanRows::<16, 256>::new();
    let bytes = f16.blob().expect("a blob");
    let kernels = Registry::<Sgd>::new(f16.plan.plan());
    let model = Loaded::from_bytes(kernels, &bytes, rows.storage()).expect("it is sound");
    let mut arena = vec![0.0; f16.plan.arena_len as usize];
    let blob = values.blob(&f16);
    let mut module = BucketingModule::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module.init_optimizer(run::SGD).expect("an optimizer");
    let data: Vec<Tensor<'_>> = sample.data.iter().map(|input| input.tensor()).collect();
    let labels: Vec<Tensor<'_>> = sample.labels.iter().map(|input| input.tensor()).collect();
    let batch = Batch::new(BucketIndex(0), &data).with_label(&labels);
    module.train_step(&batch).expect("a step");
    for (index, own) in f16.params.iter().enumerate() {
        let ours = run::bits(module.get_params(index).expect("a parameter"));
        let name = &own.name;
        assert!(
            expected
                .iter()
                .any(|(other, bits)| other == name && *bits == ours)
        );
    }
}

/// A value that is off by at most so much.
#[derive(Clone, Copy)]
struct Off {
    value: f64,
    by: f64,
}

impl Off {
    const ZERO: Off = exact(0.0);

    fn mul(self, other: Off) -> Off {
        Off {
            value: self.value * other.value,
            by: self.value.abs() * other.by + other.value.abs() * self.by + self.by * other.by,
        }
    }

    fn add(self, other: Off) -> Off {
        Off {
            value: self.value + other.value,
            by: self.by + other.by,
        }
    }

    /// 1 - x x
    fn tanh_slope(self) -> Off {
        exact(1.0).add(self.mul(self).mul(exact(-1.0)))
    }

    /// x (1 - x) = x - x x, of which the derivative is 1 - 2x.
    fn sigmoid_slope(self) -> Off {
        let Off { value: x, by } = self;
        Off {
            value: x * (1.0 - x),
            by: (1.0 - 2.0 * x).abs() * by + by * by,
        }
    }

    /// Its slope is at most 1.
    fn tanh(self) -> Off {
        Off {
            value: self.value.tanh(),
            by: self.by,
        }
    }
}

const fn exact(value: f64) -> Off {
    Off { value, by: 0.0 }
}

/// A value that is stored as f16: off by half a unit in the last place, 2^-11 of it or 2^-25.
fn stored(value: f64) -> Off {
    Off {
        value,
        by: (value.abs() / 2048.0).max(2f64.powi(-25)),
    }
}

/// The gradients of rnn_parameters in f64 by the textbook (wi, wh, bi, bh), with how far they can be off when i, f, g, o, c
/// and h are stored: each operation's bound follows from those of its operands. All the rest is taken as exact; f32's own
/// rounding is 8192 times finer.
fn gradients(parameters: &[f32], x: &[f32], dh_last: &[f64]) -> Vec<Off> {
    let (d, n) = (INPUTS, HIDDEN);
    let wide: Vec<f64> = parameters.iter().map(|value| f64::from(*value)).collect();
    let (wi, rest) = wide.split_at(4 * n * d);
    let (wh, rest) = rest.split_at(4 * n * n);
    let (bi, bh) = rest.split_at(4 * n);
    let x: Vec<f64> = x.iter().map(|value| f64::from(*value)).collect();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (mut h, mut c) = (vec![vec![0.0; n]], vec![vec![0.0; n]]);
    let mut gates: Vec<Vec<f64>> = Vec::new();
    for x in x.chunks(d) {
        let before = h.last().expect("h0");
        let mut sums: Vec<f64> = (0..4 * n)
            .map(|row| {
                let of_x: f64 = (0..d).map(|k| wi[row * d + k] * x[k]).sum();
                let of_h: f64 = (0..n).map(|k| wh[row * n + k] * before[k]).sum();
                of_x + bi[row] + of_h + bh[row]
            })
            .collect();
        for (row, sum) in sums.iter_mut().enumerate() {
            *sum = if row / n == 2 {
                sum.tanh()
            } else {
                sigmoid(*sum)
            };
        }
        let before = c.last().expect("c0");
        let now: Vec<f64> = (0..n)
            .map(|j| sums[n + j] * before[j] + sums[j] * sums[2 * n + j])
            .collect();
        h.push((0..n).map(|j| sums[3 * n + j] * now[j].tanh()).collect());
        c.push(now);
        gates.push(sums);
    }

    let mut grads = vec![Off::ZERO; wide.len()];
    let mut dh: Vec<Off> = dh_last.iter().map(|value| exact(*value)).collect();
    let mut dc = vec![Off::ZERO; n];
    for step in (0..gates.len()).rev() {
        let mut delta = vec![Off::ZERO; 4 * n];
        for j in 0..n {
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| stored(gates[step][gate * n + j]));
            let t = stored(c[step + 1][j]).tanh();
            let before = match step {
                0 => exact(0.0),
                _ => stored(c[step][j]),
            };
            let now = dc[j].add(dh[j].mul(o).mul(t.tanh_slope()));
            delta[j] = now.mul(g).mul(i.sigmoid_slope());
            delta[n + j] = now.mul(before).mul(f.sigmoid_slope());
            delta[2 * n + j] = now.mul(i).mul(g.tanh_slope());
            delta[3 * n + j] = dh[j].mul(t).mul(o.sigmoid_slope());
            dc[j] = now.mul(f);
        }
        for (row, delta) in delta.iter().enumerate() {
            let mut add = |at: usize, by: Off| grads[at] = grads[at].add(delta.mul(by));
            for k in 0..d {
                add(row * d + k, exact(x[step * d + k]));
            }
            if step > 0 {
                for (k, before) in h[step].iter().enumerate() {
                    add(4 * n * d + row * n + k, stored(*before));
                }
            }
            add(4 * n * (d + n) + row, exact(1.0));
            add(4 * n * (d + n + 1) + row, exact(1.0));
        }
        dh = (0..n)
            .map(|k| {
                let products = (0..4 * n).map(|row| delta[row].mul(exact(wh[row * n + k])));
                products.fold(Off::ZERO, Off::add)
            })
            .collect();
    }
    grads
}

/// The change of every weight in the first step of SGD with learning rate 1: the momentum after it.
fn changes(
    file: &PlanFile,
    values: &Persistent,
    sample: &Sample,
) -> (Vec<Vec<u32>>, Vec<Vec<f32>>) {
    run::bound(file, values, |module| {
        let plain = Sgd {
            learning_rate: 1.0,
            momentum: 0.9,
            wd: 0.0,
            rescale_grad: Some(1.0),
            clip_gradient: None,
        };
        module.init_optimizer(plain).expect("an optimizer");
        let step = run::train(file, module, sample, true);
        let change = |index| module.optimizer_state(index).expect("momentum").to_vec();
        let changes = (0..file.params.len()).map(change).collect();
        (step.bits(), changes)
    })
}

/// The change of each weight differs from the f32 plan's, and by no more than the roundings of what was stored explain.
#[test]
fn the_error_of_a_change_is_within_the_bound_of_its_roundings() {
    let [f32, f16] =
        [Saved::F32, Saved::F16].map(|saved| plan(recurrent(Mode::Lstm, 1), Train::Fused, saved));
    let held = plan(recurrent(Mode::Lstm, 1), Train::Held, Saved::F16);
    let mut rng = Rng::new(21);
    let mut values = Persistent::random(&f32, &mut rng);
    let sample = Sample::random(&f32, 0, &mut rng);
    for values in &mut values.params {
        values.iter_mut().for_each(|value| *value *= 0.3);
    }
    let (outputs, expected) = changes(&f32, &values, &sample);
    let (outputs_f16, ours) = changes(&f16, &values, &sample);
    assert!(outputs == outputs_f16, "the outputs are computed in f32");
    assert!(changes(&held, &values, &sample).1 == ours, "Held");

    let index = |name: &str| {
        let position = f32.params.iter().position(|own| own.name == name);
        position.expect("a parameter")
    };
    let [rnn, weight, bias] = ["rnn_parameters", "fc_weight", "fc_bias"].map(index);
    assert!(expected[bias] == ours[bias]);
    // fc's input is a value that was stored, its delta is the same.
    for (expected, ours) in expected[weight].iter().zip(&ours[weight]) {
        let off = (f64::from(*ours) - f64::from(*expected)).abs();
        assert!(off <= f64::from(expected.abs()) * 1.001 / 2048.0 + 1e-9);
    }
    // d loss / d h of the last step: the change of fc's bias is minus the delta of its outputs.
    let dh: Vec<f64> = (0..HIDDEN)
        .map(|k| {
            let of_class = |class: usize| {
                -f64::from(expected[bias][class])
                    * f64::from(values.params[weight][class * HIDDEN + k])
            };
            (0..CLASSES).map(of_class).sum()
        })
        .collect();
    let crate::common::values::Input::F32(x) = &sample.data[0] else {
        panic!("data are floats");
    };
    let bounds = gradients(&values.params[rnn], x, &dh);
    let (mut differ, mut worst, mut largest, mut largest_off) = (0, 0.0f64, 0.0f64, 0.0f64);
    for ((expected, ours), bound) in expected[rnn].iter().zip(&ours[rnn]).zip(&bounds) {
        let (expected, ours) = (f64::from(*expected), f64::from(*ours));
        // f32's own roundings: some hundred operations of 2^-24 each.
        let noise = 1e-5 * bound.value.abs() + 1e-8;
        assert!(
            (expected + bound.value).abs() <= noise,
            "{expected} {}",
            bound.value
        );
        let off = (ours - expected).abs();
        assert!(off <= bound.by + noise, "{ours} {expected} {}", bound.by);
        differ += usize::from(off > noise);
        worst = worst.max(off / bound.by);
        largest = largest.max(expected.abs());
        largest_off = largest_off.max(off);
    }
    println!(
        "off by at most {largest_off:.2e} where the largest change is {largest:.2e}: {:.2e} of it; \
         {worst:.3} of the bound at worst",
        largest_off / largest
    );
    assert!(2 * differ > bounds.len(), "{differ} of {}", bounds.len());
    assert!(
        largest_off <= largest / 2048.0,
        "a unit roundoff of the largest change"
    );
}

//! What an adaptive threshold gains: four devices learn one small network together, each from its own data.

use tinpail::codec::{FACTOR, adaptive_threshold, dequantise, quantise, words_len};

use crate::common::rng::Rng;

const DEVICES: usize = 4;
const BATCH: usize = 8;
const D: usize = 6;
const H: usize = 8;
const STEPS: usize = 200;
const SEEDS: u64 = 20;

/// What the inputs are multiplied by: as if they were given in another unit. The same network has U divided by it, U's
/// gradients are multiplied by it, and U's `lr_mult` is one over its square.
#[derive(Clone, Copy, Debug)]
struct Unit(f32);

/// How gradients travel.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Whole,
    Fixed(f32),
    Adaptive(f32),
}

/// y = v tanh(U x): U (H, D), v (H). Targets come from another such network.
#[derive(Clone)]
struct Net {
    tensors: [Vec<f32>; 2],
}

impl Net {
    fn random(rng: &mut Rng, scale: f32, unit: Unit) -> Self {
        Net {
            tensors: [rng.values(H * D, scale / unit.0), rng.values(H, scale)],
        }
    }

    fn hidden(&self, x: &[f32]) -> Vec<f32> {
        let dot = |u: &[f32]| u.iter().zip(x).map(|(u, x)| u * x).sum::<f32>();
        self.tensors[0].chunks(D).map(|u| dot(u).tanh()).collect()
    }

    fn output(&self, h: &[f32]) -> f32 {
        self.tensors[1].iter().zip(h).map(|(v, h)| v * h).sum()
    }

    /// Adds the gradients of (y - target)^2 / 2 to `grads`.
    fn backward(&self, x: &[f32], target: f32, grads: &mut [Vec<f32>; 2]) {
        let h = self.hidden(x);
        let delta = self.output(&h) - target;
        for (unit, (h, v)) in h.iter().zip(&self.tensors[1]).enumerate() {
            grads[1][unit] += delta * h;
            for (du, x) in grads[0][unit * D..].iter_mut().zip(x) {
                *du += delta * v * (1.0 - h * h) * x;
            }
        }
    }

    fn loss(&self, teacher: &Net, inputs: &[Vec<f32>]) -> f32 {
        let error = |x: &Vec<f32>| {
            let error = self.output(&self.hidden(x)) - teacher.output(&teacher.hidden(x));
            error * error
        };
        inputs.iter().map(error).sum::<f32>() / inputs.len() as f32
    }
}

/// Means over seeds.
#[derive(Clone, Copy, Debug, Default)]
struct Learned {
    /// The loss after training, as a part of the loss before.
    loss: f32,
    /// Steps until the loss is a tenth of what it was; all if it never is.
    steps: f32,
}

fn train(sent: Sent, unit: Unit) -> Learned {
    let mut mean = Learned::default();
    for seed in 0..SEEDS {
        let learned = run(sent, unit, seed);
        mean.loss += learned.loss / SEEDS as f32;
        mean.steps += learned.steps / SEEDS as f32;
    }
    mean
}

fn run(sent: Sent, unit: Unit, seed: u64) -> Learned {
    let rng = &mut Rng::new(seed);
    let teacher = Net::random(rng, 1.5, unit);
    let mut net = Net::random(rng, 0.5, unit);
    let inputs: Vec<Vec<f32>> = (0..64).map(|_| rng.values(D, unit.0)).collect();
    let first = net.loss(&teacher, &inputs);
    let mut steps = STEPS;
    let mut residuals = vec![net.tensors.clone().map(|w| vec![0.0; w.len()]); DEVICES];
    for step in 0..STEPS {
        let mut sums = net.tensors.clone().map(|w| vec![0.0; w.len()]);
        for residuals in &mut residuals {
            let mut grads = net.tensors.clone().map(|w| vec![0.0; w.len()]);
            for _ in 0..BATCH {
                let x = &inputs[rng.below(inputs.len())];
                let target = teacher.output(&teacher.hidden(x));
                net.backward(x, target, &mut grads);
            }
            for ((g, r), sum) in grads.iter().zip(residuals).zip(&mut sums) {
                let t = match sent {
                    Sent::Whole => {
                        sum.iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
                        continue;
                    }
                    Sent::Fixed(t) => t,
                    Sent::Adaptive(factor) => adaptive_threshold(g, r, factor).expect("finite"),
                };
                let mut words = vec![0; words_len(g.len())];
                quantise(g, r, t, &mut words).expect("encoded");
                dequantise(&words, t, sum, true).expect("decoded");
            }
        }
        let lr_mult = [1.0 / (unit.0 * unit.0), 1.0];
        for ((w, sum), lr_mult) in net.tensors.iter_mut().zip(&sums).zip(lr_mult) {
            for (w, sum) in w.iter_mut().zip(sum) {
                *w -= 0.2 * lr_mult * sum / (DEVICES * BATCH) as f32;
            }
        }
        if net.loss(&teacher, &inputs) < 0.1 * first {
            steps = steps.min(step + 1);
        }
    }
    Learned {
        loss: net.loss(&teacher, &inputs) / first,
        steps: steps as f32,
    }
}

const FIXED: [f32; 6] = [0.02, 0.1, 0.5, 2.0, 8.0, 32.0];

/// The table in `codec`'s doc. The adaptive threshold does in every unit what whole gradients do; a fixed one, at best,
/// in one unit; and where the two tensors' gradients differ most, no fixed one of the sweep comes near.
#[test]
fn adaptive_threshold_learns_faster() {
    for unit in [Unit(1.0), Unit(0.02), Unit(10.0)] {
        let whole = train(Sent::Whole, unit);
        let adaptive = train(Sent::Adaptive(FACTOR), unit);
        println!("{unit:?}\n  {whole:.3?} whole\n  {adaptive:.3?} adaptive");
        assert!(adaptive.loss < 1.02 * whole.loss);
        assert!(adaptive.steps < 1.1 * whole.steps);
        for t in FIXED {
            let fixed = train(Sent::Fixed(t), unit);
            println!("  {fixed:.3?} t = {t}");
            assert!(adaptive.loss < 1.04 * fixed.loss);
            if unit.0 == 0.02 {
                assert!(adaptive.loss < 0.85 * fixed.loss);
                assert!(adaptive.steps < 0.85 * fixed.steps);
            }
        }
    }
}

/// Residuals spread over -t to t have a mean of t / 2, so that from a factor of 2 on t would grow by itself; three is
/// well beyond.
#[test]
fn a_factor_of_three_runs_away() {
    let three = train(Sent::Adaptive(3.0), Unit(1.0));
    let one = train(Sent::Adaptive(1.0), Unit(1.0));
    assert!(three.loss > 5.0 * one.loss, "{three:?}, {one:?}");
}

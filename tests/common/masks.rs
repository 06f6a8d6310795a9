//! The masks that the device's Dropout draws, found by running it on ones.

use tinpail::optim::Sgd;
use tinpail::{Batch, BucketIndex, Registry, Tensor};
use tinpail_interp::Tensors;
use tinpail_plan::infer::infer;
use tinpail_plan::{Bucketing, Net, Op, Symbols, Train, fuse};

use super::run::{DROPOUT_SEED, Module};

/// A Dropout node as the planner sees it: its name, p and elements.
type Site = (String, f32, usize);

/// The masks of the first training step, by the name of the Dropout or RNN node of `net`.
///
/// A mask follows from seed, step, the number of Dropout nodes before it, and the element's place, so a
/// network that is nothing but the same Dropout nodes, each on ones of the same length, draws the same.
pub fn masks(net: &Net, batch_size: usize) -> Tensors {
    let fused = fuse::fuse(net, batch_size).expect("fused");
    let shapes = infer(&fused, batch_size).expect("shapes");
    let mut sites: Vec<Site> = Vec::new();
    for node in &fused.nodes {
        if let Op::Dropout { p } = node.op {
            let len = shapes.of(node.inputs[0]).iter().product();
            sites.push((node.name.clone(), p, len));
        }
    }
    let kept = keeps(&sites);
    let plain = infer(net, batch_size).expect("shapes");
    let mut masks = Tensors::new();
    for (index, node) in net.nodes.iter().enumerate() {
        let shape = match &node.op {
            Op::Dropout { p } if *p > 0.0 => plain.dims[index][0].clone(),
            Op::Rnn(rnn) if rnn.p > 0.0 && rnn.num_layers > 1 => {
                let mut shape = plain.dims[index][0].clone();
                shape.insert(0, rnn.num_layers - 1);
                shape
            }
            _ => continue,
        };
        let own = sites.iter().zip(&kept).filter(|((name, ..), _)| {
            *name == node.name || matches!(node.op, Op::Rnn(_)) && name.starts_with(&node.name)
        });
        let data: Vec<f64> = own.flat_map(|(_, kept)| kept.iter().copied()).collect();
        masks.insert(node.name.clone(), tinpail_interp::Tensor::new(shape, data));
    }
    masks
}

/// 1 where each site keeps a value, else 0.
fn keeps(sites: &[Site]) -> Vec<Vec<f64>> {
    if sites.is_empty() {
        return Vec::new();
    }
    let sym_gen = |_| {
        let mut s = Symbols::new();
        let mut heads = Vec::new();
        let name = |index: usize| format!("ones{index}");
        for (index, (_, p, _)) in sites.iter().enumerate() {
            let ones = s.variable(&name(index));
            heads.push(s.dropout(&format!("dropout{index}"), ones, *p));
        }
        let net = s.net(heads);
        let declare =
            |net: Net, (index, (_, _, len)): (usize, &Site)| net.data(&name(index), [*len]);
        Ok(sites.iter().enumerate().fold(net, declare))
    };
    let file = Bucketing::new(sym_gen)
        .bucket_keys([1])
        .train(Train::Held)
        .inputs_need_grad(true)
        .plan()
        .expect("a plan of Dropout nodes");
    let blob = super::values::Persistent {
        params: Vec::new(),
        states: Vec::new(),
    };
    let blob = blob.blob(&file);
    let mut arena = vec![f32::NAN; file.plan.arena_len as usize];
    let model = Registry::<Sgd>::new(file.plan.plan());
    let mut module = Module::bind_words(model, &mut arena, blob.bytes()).expect("bound");
    module.seed_dropout(DROPOUT_SEED);
    let ones: Vec<Vec<f32>> = sites.iter().map(|(_, _, len)| vec![1.0; *len]).collect();
    let data: Vec<Tensor<'_>> = ones.iter().map(|ones| Tensor::F32(ones)).collect();
    let mut session = module.session();
    let batch = Batch::new(BucketIndex(0), &data);
    session.forward(batch, true).expect("forward");
    (0..sites.len())
        .map(|site| {
            let dropped = session.get_outputs(site).expect("an output");
            let keep = |value: &f32| if *value == 0.0 { 0.0 } else { 1.0 };
            dropped.iter().map(keep).collect()
        })
        .collect()
}

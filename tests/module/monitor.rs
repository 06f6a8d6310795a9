//! A monitor sees what the calls compute, and changes nothing.

use std::cell::RefCell;

use tinpail::data::SliceIter;
use tinpail::math::Math;
use tinpail::monitor::{Phase, Seen, norm};
use tinpail::{Batch, Fit, Tensor};

use crate::net::{self, BUCKET};

const DATA: [Tensor<'_>; 1] = [Tensor::F32(&[0.1, 0.2, 0.3, -0.3, 0.9, -0.5])];
const LABEL: [Tensor<'_>; 1] = [Tensor::U16(&[1, 0])];

#[test]
fn a_monitor_sees_every_call_by_the_name_of_its_symbol() {
    let file = net::plan();
    net::bound(&file, |module| {
        let seen = RefCell::new(Vec::new());
        let monitor = RefCell::new(|one: Seen<'_>| {
            let name = file.step_names[one.step].clone();
            seen.borrow_mut()
                .push((name, one.phase, one.output.to_vec()));
        });
        let mut module = module.install_monitor(&monitor);
        module.forward(&Batch::new(BUCKET, &DATA)).expect("forward");
        let output = module.get_outputs(0).expect("an output").to_vec();
        let mut forward = seen.take();
        assert!(forward.iter().all(|(_, phase, _)| *phase == Phase::Forward));
        for symbol in ["fc1", "fc2", "softmax"] {
            assert!(
                forward.iter().any(|(name, ..)| name.starts_with(symbol)),
                "{symbol}"
            );
        }
        let (name, _, last) = forward.pop().expect("a call");
        assert!(name.starts_with("softmax"), "{name}");
        assert_eq!(last, output);

        let batch = Batch::new(BUCKET, &DATA).with_label(&LABEL);
        module.train_step(&batch).expect("a step");
        let step = seen.take();
        for phase in [Phase::Forward, Phase::Backward, Phase::Update] {
            assert!(step.iter().any(|(_, own, _)| *own == phase), "{phase:?}");
        }
        let mut module = module.uninstall_monitor();
        module.train_step(&batch).expect("a step");
        assert!(seen.take().is_empty());
    });
}

#[test]
fn a_monitored_fit_is_the_same_fit() {
    let mut none = ();
    let file = net::plan();
    let batch = tinpail::data::DataBatch::new(BUCKET, DATA).with_label(LABEL);
    let all = [batch; 3];
    let plain = net::bound(&file, |mut module| {
        let mut data = SliceIter::new(&all);
        module
            .fit(Fit::new(&mut data, &mut none, 2))
            .expect("fitted");
        net::params(&module)
    });
    net::bound(&file, |module| {
        let calls = RefCell::new(0);
        let monitor = RefCell::new(|_: Seen<'_>| *calls.borrow_mut() += 1);
        let mut module = module.install_monitor(&monitor);
        let mut data = SliceIter::new(&all);
        module
            .fit(Fit::new(&mut data, &mut none, 2))
            .expect("fitted");
        assert!(calls.take() > 6 * 5);
        assert_eq!(net::params(&module), plain);
    });
}

/// `mx.nd.norm(x) / sqrt(x.size)` of (3, -4, 0, 0): 5 / 2.
#[test]
fn the_default_statistic_is_mxnet_s() {
    assert_eq!(norm(&[3.0, -4.0, 0.0, 0.0], Math::default()), 2.5);
}

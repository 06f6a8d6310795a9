//! Initial values through the module, and setting some parameters.

use tinpail::error::AccessError;
use tinpail::init::{Constant, InitError, Initializer, ParamShape, Pcg32, Role, Xavier};
use tinpail::module::SetParams;
use tinpail_plan::PlanFile;

use crate::net;

/// What the generated module has as `shapes::PARAMS`.
pub fn shapes(file: &PlanFile) -> Vec<ParamShape<'static>> {
    let params = file.params.iter().map(|own| {
        let sizes = own.shape.iter().map(|size| *size as u32);
        let sizes: Vec<u32> = sizes.collect();
        ParamShape {
            role: Role::of(&own.name),
            shape: sizes.leak(),
        }
    });
    params.collect()
}

#[test]
fn init_params_gives_weights_the_rule_and_biases_zero() {
    let file = net::plan();
    net::bound(&file, |mut module| {
        let (mut rng, mut twin) = (Pcg32::new(5), Pcg32::new(5));
        let rule = Xavier::default();
        let shapes = shapes(&file);
        module
            .init_params(&shapes, &rule, &mut rng)
            .expect("initialised");
        for (index, own) in file.params.iter().enumerate() {
            let ours = module.get_params(index).expect("a parameter");
            let mut expected = vec![0.0; own.len()];
            if own.name.ends_with("_weight") {
                let filled = rule.fill(shapes[index].shape, &mut twin, &mut expected);
                filled.expect("a matrix");
                assert!(ours.iter().any(|value| *value != 0.0));
            }
            assert_eq!(ours, expected, "{}", own.name);
        }
    });
}

#[test]
fn a_refused_initialisation_changes_nothing() {
    let file = net::plan();
    net::bound(&file, |mut module| {
        let before = net::params(&module);
        let mut rng = Pcg32::new(5);
        let mut shapes = shapes(&file);
        let mut attempt = |shapes: &[ParamShape<'_>]| {
            let outcome = module.init_params(shapes, &Xavier::default(), &mut rng);
            assert_eq!(net::params(&module), before);
            outcome
        };
        let error = InitError::Count {
            needed: shapes.len(),
            found: 1,
        };
        assert_eq!(attempt(&shapes[..1]), Err(error));
        let good = shapes[1];
        shapes[1].role = Role::Unknown;
        assert_eq!(attempt(&shapes), Err(InitError::Role { index: 1 }));
        shapes[1] = ParamShape {
            shape: &[1],
            ..good
        };
        let outcome = attempt(&shapes);
        assert!(
            matches!(outcome, Err(InitError::Len { found: 2.., .. })),
            "{outcome:?}"
        );
        let none = module.init_param(99, &[1], &Constant(1.0), &mut rng);
        assert_eq!(none, Err(InitError::Index { index: 99 }));
    });
}

#[test]
fn some_parameters_are_set_or_none() {
    let file = net::plan();
    net::bound(&file, |mut module| {
        let before = net::params(&module);
        let first = vec![0.5; file.params[0].len()];
        let given: [(usize, &[f32]); 1] = [(0, &first)];
        let strict = SetParams::default();
        let missing = module.set_params_from(&given, strict);
        assert_eq!(missing, Err(AccessError::Missing { index: 1 }));
        let allowed = SetParams {
            allow_missing: true,
            ..strict
        };
        let with_extra: [(usize, &[f32]); 2] = [(0, &first), (40, &[])];
        let extra = module.set_params_from(&with_extra, allowed);
        assert!(matches!(extra, Err(AccessError::Index { index: 40, .. })));
        let short: [(usize, &[f32]); 1] = [(0, &first[1..])];
        assert!(module.set_params_from(&short, allowed).is_err());
        assert_eq!(net::params(&module), before);
        let all = SetParams {
            allow_missing: true,
            allow_extra: true,
        };
        module.set_params_from(&with_extra, all).expect("set");
        let after = net::params(&module);
        assert_eq!(after[..first.len()], first);
        assert_eq!(after[first.len()..], before[first.len()..]);
    });
}

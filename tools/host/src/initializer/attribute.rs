//! A variable's `__init__`: `["lstmbias", {"forget_bias": 1.0}]`, what MXNet's `Initializer.dumps` writes.

use serde_json::{Map, Value};

use super::{Distribution, Factor, Initializer};

/// The initializer that the attribute names.
pub fn parse(text: &str) -> Result<Initializer, String> {
    let (name, arguments): (String, Map<String, Value>) =
        serde_json::from_str(text).map_err(|_| "not [\"name\", {arguments}]".to_owned())?;
    let mut initializer = Initializer::by_name(&name).ok_or(format!("{name} is not supported"))?;
    for (key, value) in &arguments {
        set(&mut initializer, key, value)
            .ok_or_else(|| format!("{name} takes no {key} = {value}"))?;
    }
    Ok(initializer)
}

fn set(initializer: &mut Initializer, key: &str, value: &Value) -> Option<()> {
    let number = || value.as_f64().map(|value| value as f32);
    match (initializer, key) {
        (Initializer::Constant { value }, "value") => *value = number()?,
        (Initializer::Uniform { scale }, "scale")
        | (Initializer::Orthogonal { scale, .. }, "scale") => *scale = number()?,
        (Initializer::Normal { sigma }, "sigma") => *sigma = number()?,
        (Initializer::LstmBias { forget_bias }, "forget_bias") => *forget_bias = number()?,
        (Initializer::Xavier { magnitude, .. }, "magnitude") => *magnitude = number()?,
        (Initializer::Xavier { rnd_type, .. }, "rnd_type") => *rnd_type = distribution(value)?,
        (Initializer::Orthogonal { rand_type, .. }, "rand_type") => {
            *rand_type = distribution(value)?
        }
        (Initializer::Xavier { factor_type, .. }, "factor_type")
        | (Initializer::MsraPrelu { factor_type, .. }, "factor_type") => {
            *factor_type = match value.as_str()? {
                "avg" => Factor::Avg,
                "in" => Factor::In,
                "out" => Factor::Out,
                _ => return None,
            }
        }
        (Initializer::MsraPrelu { slope, .. }, "slope") => *slope = number()?,
        // What MSRAPrelu's magnitude follows from is its slope.
        (Initializer::MsraPrelu { .. }, "magnitude" | "rnd_type") => {}
        _ => return None,
    }
    Some(())
}

fn distribution(value: &Value) -> Option<Distribution> {
    match value.as_str()? {
        "uniform" => Some(Distribution::Uniform),
        "gaussian" | "normal" => Some(Distribution::Gaussian),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mxnet_dumps() {
        let of = |text: &str| format!("{:?}", parse(text));
        assert_eq!(
            of(r#"["lstmbias", {"forget_bias": 2.0}]"#),
            "Ok(LstmBias { forget_bias: 2.0 })"
        );
        assert_eq!(of(r#"["zero", {}]"#), "Ok(Zero)");
        assert_eq!(
            of(r#"["xavier", {"rnd_type": "gaussian", "factor_type": "in", "magnitude": 2}]"#),
            "Ok(Xavier { rnd_type: Gaussian, factor_type: In, magnitude: 2.0 })"
        );
        for wrong in [
            "",
            "zero",
            "[\"zero\"]",
            r#"["nope", {}]"#,
            r#"["zero", {"a": 1}]"#,
            r#"["xavier", {"rnd_type": "cauchy"}]"#,
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

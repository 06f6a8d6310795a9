//! Which arguments a network has, and what each of them is.

use std::collections::{HashMap, HashSet};

use super::{Bucketing, GradReq};
use crate::error::{Dims, Error};
use crate::infer::Shapes;
use crate::lower::Role;
use crate::symbol::{Net, NodeId, Op, Sym};

/// A parameter of the default bucket.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<usize>,
    pub trainable: bool,
    /// An auxiliary state, such as BatchNorm's moving mean.
    pub auxiliary: bool,
    /// Its held gradient is added to instead of overwritten.
    pub grad_add: bool,
    pub lr_mult: f32,
    pub wd_mult: f32,
}

/// A carried state of the default bucket.
#[derive(Clone, Debug)]
pub struct State {
    pub name: String,
    pub shape: Vec<usize>,
}

/// The arguments that all buckets share.
#[derive(Clone, Debug)]
pub struct Arguments {
    pub parameters: Vec<Parameter>,
    pub states: Vec<State>,
}

fn product(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// The variables of a net with their shapes.
fn variables<'n>(
    net: &'n Net,
    shapes: &'n Shapes,
) -> impl Iterator<Item = (&'n str, &'n [usize], NodeId)> {
    net.nodes.iter().enumerate().filter_map(|(index, node)| {
        let id = NodeId(index as u32);
        let sym = Sym {
            node: id,
            output: 0,
        };
        (node.op == Op::Variable).then(|| (node.name.as_str(), shapes.of(sym), id))
    })
}

impl Arguments {
    /// The parameters and states of the default bucket's network, in MXNet's order: that of the graph.
    pub fn of<F>(config: &Bucketing<F>, net: &Net, shapes: &Shapes) -> Result<Self, Error> {
        let known: Vec<&str> = variables(net, shapes).map(|(name, ..)| name).collect();
        check_known("state", &config.state_names, &known)?;
        check_known("fixed parameter", &config.fixed_param_names, &known)?;
        let auxiliary = auxiliary(net)?;
        check_known("grad_req", &names_of(&config.grad_reqs), &known)?;
        check_known("lr_mult", &names_of(&config.lr_mults), &known)?;
        check_known("wd_mult", &names_of(&config.wd_mults), &known)?;
        let inputs: HashSet<&str> = net
            .data
            .iter()
            .chain(&net.labels)
            .map(|desc| desc.name.as_str())
            .collect();
        let mut parameters = Vec::new();
        let mut found: HashMap<&str, State> = HashMap::new();
        for (name, shape, id) in variables(net, shapes) {
            if inputs.contains(name) {
                continue;
            }
            if config.state_names.iter().any(|state| state == name) {
                let state = State {
                    name: name.into(),
                    shape: shape.to_vec(),
                };
                found.insert(name, state);
                continue;
            }
            let grad_req = given(&config.grad_reqs, name).unwrap_or(config.grad_req);
            let lr_mult = given(&config.lr_mults, name);
            let wd_mult = given(&config.wd_mults, name);
            let hints = &net.nodes[id.0 as usize].hints;
            let auxiliary = auxiliary.contains(&id);
            // MXNet decays only names that end so, unless the symbol says otherwise.
            let decays = name.ends_with("_weight") || name.ends_with("_gamma");
            parameters.push(Parameter {
                name: name.into(),
                shape: shape.to_vec(),
                auxiliary,
                grad_add: grad_req == GradReq::Add,
                trainable: config.train != super::Train::None
                    && !auxiliary
                    && grad_req != GradReq::Null
                    && !config.fixed_param_names.iter().any(|fixed| fixed == name),
                lr_mult: lr_mult.or(hints.lr_mult).unwrap_or(1.0),
                wd_mult: wd_mult
                    .or(hints.wd_mult)
                    .unwrap_or(if decays { 1.0 } else { 0.0 }),
            });
        }
        let names = config.state_names.iter();
        let states = names.filter_map(|name| found.remove(name.as_str()));
        Ok(Arguments {
            parameters,
            states: states.collect(),
        })
    }

    /// The role of each argument of a bucket's network, after checking that it has the shape that the
    /// default bucket gives it.
    pub fn roles(
        &self,
        net: &Net,
        shapes: &Shapes,
        bucket: u32,
        default_bucket: u32,
    ) -> Result<HashMap<String, Role>, Error> {
        let mut roles = HashMap::new();
        for (name, shape, _) in variables(net, shapes) {
            let same_shape = |here: &[usize], default: &[usize]| {
                if here == default {
                    return Ok(());
                }
                Err(Error::ParameterShape {
                    name: name.into(),
                    bucket,
                    here: here.into(),
                    default_bucket,
                    default_shape: default.into(),
                })
            };
            let position =
                |descs: &[crate::symbol::DataDesc]| descs.iter().position(|desc| desc.name == name);
            let role = if let Some(port) = position(&net.data) {
                Role::Data(port)
            } else if let Some(port) = position(&net.labels) {
                Role::Label(port)
            } else if let Some(index) = self.states.iter().position(|state| state.name == name) {
                same_shape(shape, &self.states[index].shape)?;
                Role::State(index)
            } else if let Some(index) = self.parameters.iter().position(|own| own.name == name) {
                same_shape(shape, &self.parameters[index].shape)?;
                Role::Param(index)
            } else {
                return Err(Error::ParameterMissing {
                    name: name.into(),
                    bucket,
                    default_bucket,
                });
            };
            roles.insert(name.to_string(), role);
        }
        Ok(roles)
    }

    /// Whether each parameter is trainable, by index.
    pub fn trainable(&self) -> Vec<bool> {
        self.parameters.iter().map(|own| own.trainable).collect()
    }

    /// Whether each parameter is an auxiliary state, by index.
    pub fn auxiliary(&self) -> Vec<bool> {
        self.parameters.iter().map(|own| own.auxiliary).collect()
    }

    /// Whether each parameter's held gradient is added to, by index.
    pub fn grad_add(&self) -> Vec<bool> {
        self.parameters.iter().map(|own| own.grad_add).collect()
    }

    /// Elements of each parameter, by index.
    pub fn param_lens(&self) -> Vec<usize> {
        self.parameters
            .iter()
            .map(|own| product(&own.shape))
            .collect()
    }

    /// Words of the optimizer's state of each parameter, by index, where it keeps any.
    pub fn opt_state_lens<F>(&self, config: &Bucketing<F>) -> Vec<usize> {
        let kind = config.optimizer.kind();
        let lens = self.param_lens().into_iter();
        lens.map(|len| kind.state_len(len as u32) as usize)
            .collect()
    }

    /// Elements of each state, by index.
    pub fn state_lens(&self) -> Vec<usize> {
        self.states.iter().map(|own| product(&own.shape)).collect()
    }

    /// The fingerprint of the parameter schema: names, shapes, dtype and layout.
    pub fn schema(&self) -> u64 {
        let lines = self.parameters.iter().map(|own| {
            let shape = Dims(own.shape.clone());
            format!("{}:{shape}:f32:row-major\n", own.name)
        });
        crate::plan_file::fingerprint(lines.collect::<String>().as_bytes())
    }
}

/// The variables that are read as auxiliary states. Nothing else may read them: their values of one step are those
/// of before it.
fn auxiliary(net: &Net) -> Result<HashSet<NodeId>, Error> {
    let (mut auxiliary, mut others) = (HashSet::new(), HashSet::new());
    for node in &net.nodes {
        for (position, input) in node.inputs.iter().enumerate() {
            let set = match node.op.is_auxiliary(position) {
                true => &mut auxiliary,
                false => &mut others,
            };
            set.insert(input.node);
        }
    }
    others.extend(net.heads.iter().map(|head| head.node));
    match auxiliary.intersection(&others).min() {
        None => Ok(auxiliary),
        Some(both) => {
            let name = &net.nodes[both.0 as usize].name;
            let what = "read as an auxiliary state and as something else";
            Err(Error::symbol(name, what))
        }
    }
}

/// The names of overrides.
fn names_of<T>(overrides: &[(String, T)]) -> Vec<String> {
    overrides.iter().map(|(name, _)| name.clone()).collect()
}

/// What was given last for a name.
fn given<T: Copy>(overrides: &[(String, T)], name: &str) -> Option<T> {
    let last = overrides.iter().rev().find(|(own, _)| own == name);
    last.map(|(_, value)| *value)
}

fn check_known(role: &'static str, names: &[String], known: &[&str]) -> Result<(), Error> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Error::UnknownName {
            role,
            name: name.clone(),
            known: known.join(", "),
        }),
    }
}

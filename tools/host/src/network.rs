//! [`Network`]: MXNet's constructor arguments.

use std::collections::BTreeMap;

use tinpail_plan::{Bucketing, Error, Net, Op, Train};

use crate::bind::Bind;

/// A network for each bucket key, and which of its arguments are states or fixed.
#[derive(Clone, Debug)]
pub struct Network {
    nets: BTreeMap<u32, Net>,
    default_bucket_key: u32,
    state_names: Vec<String>,
    fixed_param_names: Vec<String>,
}

impl Network {
    /// `sym_gen` is called once for each key, here.
    ///
    /// # Errors
    ///
    /// What `sym_gen` returns; [`Error::Config`] if the default key is not among the keys.
    pub fn new(
        sym_gen: impl Fn(u32) -> Result<Net, Error>,
        bucket_keys: impl IntoIterator<Item = u32>,
        default_bucket_key: u32,
    ) -> Result<Self, Error> {
        let nets = bucket_keys.into_iter().map(|key| Ok((key, sym_gen(key)?)));
        Self::of_nets(nets.collect::<Result<_, Error>>()?, default_bucket_key)
    }

    /// The network of each key.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the default key is not among the keys; what [`Net::check`] refuses.
    pub fn of_nets(nets: BTreeMap<u32, Net>, default_bucket_key: u32) -> Result<Self, Error> {
        if !nets.contains_key(&default_bucket_key) {
            let what = format!("default_bucket_key {default_bucket_key} is not among bucket_keys");
            return Err(Error::Config(what));
        }
        nets.values().try_for_each(Net::check)?;
        Ok(Network {
            nets,
            default_bucket_key,
            state_names: Vec::new(),
            fixed_param_names: Vec::new(),
        })
    }

    /// Arguments that are carried states.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`] if a bucket has no such argument.
    pub fn state_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        self.state_names = names.into_iter().map(Into::into).collect();
        self.check_names("state", &self.state_names)?;
        Ok(self)
    }

    /// Parameters that are not trained.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`] if a bucket has no such argument.
    pub fn fixed_param_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        self.fixed_param_names = names.into_iter().map(Into::into).collect();
        self.check_names("fixed parameter", &self.fixed_param_names)?;
        Ok(self)
    }

    fn check_names(&self, role: &'static str, names: &[String]) -> Result<(), Error> {
        for net in self.nets.values() {
            let known = arguments(net);
            if let Some(name) = names.iter().find(|name| !known.contains(name)) {
                return Err(Error::UnknownName {
                    role,
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
        }
        Ok(())
    }

    /// The key of the bucket that defines the parameters.
    pub fn default_bucket_key(&self) -> u32 {
        self.default_bucket_key
    }

    /// The network of each key, ascending.
    pub fn nets(&self) -> &BTreeMap<u32, Net> {
        &self.nets
    }

    /// That of the default key.
    pub(crate) fn default_net(&self) -> &Net {
        &self.nets[&self.default_bucket_key]
    }

    /// The parameters' names, in MXNet's order.
    pub(crate) fn param_names(&self) -> Vec<String> {
        let net = self.default_net();
        let inputs = net.data.iter().chain(&net.labels);
        let mut others: Vec<&String> = inputs.map(|desc| &desc.name).collect();
        others.extend(&self.state_names);
        let arguments = arguments(net).into_iter();
        arguments.filter(|name| !others.contains(&name)).collect()
    }

    /// The arguments of the default bucket that are fixed whatever `bind` says.
    pub(crate) fn fixed(&self) -> &[String] {
        &self.fixed_param_names
    }

    pub(crate) fn plan(&self, bind: &Bind) -> Result<tinpail_plan::PlanFile, crate::BindError> {
        let request = bind.grad_req.of(self)?;
        let fixed = self.fixed_param_names.iter().chain(&request.null).cloned();
        let sym_gen = |key: u32| Ok(self.nets[&key].clone());
        let train = match (bind.for_training, bind.train) {
            (false, _) => Train::None,
            (true, Train::None) => Train::Fused,
            (true, train) => train,
        };
        let bucketing = Bucketing::new(sym_gen)
            .bucket_keys(self.nets.keys().copied())
            .default_bucket_key(self.default_bucket_key)
            .batch_size(bind.batch_size)
            .state_names(self.state_names.iter().cloned())
            .fixed_param_names(fixed)
            .optimizer(bind.optimizer)
            .train(train)
            .grad_req(request.kind)
            .inputs_need_grad(bind.inputs_need_grad);
        Ok(bucketing.plan()?)
    }
}

/// The names of the variables, in the order of MXNet's `list_arguments`: depth first from the heads, inputs before what
/// reads them.
pub(crate) fn arguments(net: &Net) -> Vec<String> {
    let mut seen = vec![false; net.nodes.len()];
    let mut names = Vec::new();
    for head in &net.heads {
        let mut path = vec![(head.node.0 as usize, 0)];
        while let Some((at, next)) = path.pop() {
            if next == 0 && std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let node = &net.nodes[at];
            match node.inputs.get(next) {
                Some(input) => path.extend([(at, next + 1), (input.node.0 as usize, 0)]),
                None if node.op == Op::Variable => names.push(node.name.clone()),
                None => {}
            }
        }
    }
    names
}

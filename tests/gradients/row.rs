//! A row of the table: a network, and how it is planned.

use tinpail_plan::{Bucketing, Error, GradReq, Net, PlanFile, ProductsKind, Train};

/// What a row makes for a bucket key: a number of time steps, where it has any.
type SymGen = Box<dyn Fn(usize) -> Net>;

pub struct Row {
    pub name: String,
    net: SymGen,
    pub states: Vec<&'static str>,
    pub fixed: Vec<&'static str>,
}

/// The recipes that this build has. (The command enables `fma` and `ftz`, so a test of the workspace has all.)
pub const RECIPES: &[ProductsKind] = &[
    ProductsKind::Separate,
    #[cfg(feature = "fma")]
    ProductsKind::Fused,
    #[cfg(feature = "ftz")]
    ProductsKind::Flushed,
];

/// How a row is planned.
#[derive(Clone, Copy)]
pub struct How {
    pub batch_size: usize,
    pub train: Train,
    pub share_memory: bool,
    pub products: ProductsKind,
    /// `ram_limit_bytes`.
    pub limit: Option<usize>,
}

impl Row {
    pub fn new(name: impl Into<String>, net: impl Fn(usize) -> Net + 'static) -> Self {
        Row {
            name: name.into(),
            net: Box::new(net),
            states: Vec::new(),
            fixed: Vec::new(),
        }
    }

    /// With carried states.
    pub fn states(self, states: &[&'static str]) -> Self {
        Row {
            states: states.to_vec(),
            ..self
        }
    }

    /// With frozen parameters.
    pub fn fixed(self, fixed: &[&'static str]) -> Self {
        Row {
            fixed: fixed.to_vec(),
            ..self
        }
    }

    pub fn net(&self, key: u32) -> Net {
        (self.net)(key as usize)
    }

    #[track_caller]
    pub fn plan(&self, keys: &[u32], how: How) -> PlanFile {
        self.plan_with(keys, how, GradReq::Write)
    }

    #[track_caller]
    pub fn plan_with(&self, keys: &[u32], how: How, grad_req: GradReq) -> PlanFile {
        let plan = self.try_plan(keys, how, grad_req);
        plan.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The smallest arena that the planner finds.
    #[track_caller]
    pub fn smallest(&self, keys: &[u32], how: How) -> PlanFile {
        let with = |limit| How {
            limit: Some(limit),
            ..how
        };
        match self.try_plan(keys, with(0), GradReq::Write) {
            Err(Error::RamLimit { needed, .. }) => self.plan(keys, with(needed)),
            other => panic!("{}: {:?}", self.name, other.map(|file| file.report)),
        }
    }

    fn try_plan(&self, keys: &[u32], how: How, grad_req: GradReq) -> Result<PlanFile, Error> {
        let bucketing = Bucketing::new(|key| Ok::<_, Error>(self.net(key)))
            .bucket_keys(keys.iter().copied())
            .batch_size(how.batch_size)
            .state_names(self.states.iter().copied())
            .fixed_param_names(self.fixed.iter().copied())
            .train(how.train)
            .grad_req(grad_req)
            .inputs_need_grad(self.data_is_numbers())
            .share_memory(how.share_memory)
            .products(how.products);
        match how.limit {
            Some(limit) => bucketing.ram_limit_bytes(limit).plan(),
            None => bucketing.plan(),
        }
    }

    /// Whether data has gradients: not so token ids.
    fn data_is_numbers(&self) -> bool {
        !self.name.starts_with("embedding")
    }
}

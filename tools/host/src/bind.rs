//! What `bind` is told.

use tinpail_plan::{Optimizer, Train};

use crate::BindError;
use crate::network::{Network, arguments};

/// MXNet's arguments of `bind`, by their names, but for the shapes, which the network has.
///
/// ```
/// use tinpail_host::Bind;
///
/// let bind = Bind { batch_size: 10, ..Bind::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Bind {
    /// Rows of a batch: what a 0 in the shapes of data and labels becomes.
    pub batch_size: usize,
    pub for_training: bool,
    /// Backward also makes the gradients of the data.
    pub inputs_need_grad: bool,
    pub grad_req: GradReq,
    /// Plan and bind anew, with the parameters that the module has.
    pub force_rebind: bool,
    /// Which states are reserved. (MXNet learns it in `init_optimizer`; a plan must know it.)
    pub optimizer: Optimizer,
    /// Whether gradients are held; `grad_req = add` holds them in any case.
    pub train: Train,
}

impl Default for Bind {
    /// MXNet's defaults, for batches of one row, SGD with momentum and fused updates.
    fn default() -> Self {
        Bind {
            batch_size: 1,
            for_training: true,
            inputs_need_grad: false,
            grad_req: GradReq::All(Request::Write),
            force_rebind: false,
            optimizer: Optimizer::Sgd { momentum: true },
            train: Train::Fused,
        }
    }
}

/// What backward does with a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Overwrites it.
    Write,
    /// Adds to it.
    Add,
    /// There is none: the parameter is fixed.
    Null,
}

/// MXNet's `grad_req`. Fixed parameters have no gradient whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GradReq {
    /// The same for every parameter.
    All(Request),
    /// One for each argument of the default bucket's symbol, in its order.
    List(Vec<Request>),
    /// By name; `Write` for the others.
    Dict(Vec<(String, Request)>),
}

/// A `grad_req` in the planner's terms.
pub(crate) struct Planned {
    pub kind: tinpail_plan::GradReq,
    /// The parameters without a gradient.
    pub null: Vec<String>,
}

impl GradReq {
    pub(crate) fn of(&self, network: &Network) -> Result<Planned, BindError> {
        let known = arguments(network.default_net());
        let of_name: Vec<(&String, Request)> = match self {
            GradReq::All(request) => known.iter().map(|name| (name, *request)).collect(),
            GradReq::List(requests) => {
                if requests.len() != known.len() {
                    return Err(BindError::GradReqCount {
                        needed: known.len(),
                        found: requests.len(),
                    });
                }
                known.iter().zip(requests.iter().copied()).collect()
            }
            GradReq::Dict(dict) => {
                if let Some((name, _)) = dict.iter().find(|(name, _)| !known.contains(name)) {
                    let name = name.clone();
                    return Err(BindError::GradReqName { name, known });
                }
                let request = |name: &String| {
                    let given = dict.iter().find(|(given, _)| given == name);
                    given.map_or(Request::Write, |(_, request)| *request)
                };
                known.iter().map(|name| (name, request(name))).collect()
            }
        };
        let params = network.param_names();
        let trainable = |request: Request| {
            let mut with = of_name.iter().filter(move |(_, own)| *own == request);
            with.find(|(name, _)| params.contains(name) && !network.fixed().contains(name))
                .map(|(name, _)| (*name).clone())
        };
        let kind = match (trainable(Request::Add), trainable(Request::Write)) {
            (Some(added), Some(written)) => {
                return Err(BindError::GradReqMixed { added, written });
            }
            (Some(_), None) => tinpail_plan::GradReq::Add,
            _ => tinpail_plan::GradReq::Write,
        };
        let null = of_name.iter().filter(|(_, own)| *own == Request::Null);
        let null = null.map(|(name, _)| (*name).clone());
        Ok(Planned {
            kind,
            null: null.filter(|name| params.contains(name)).collect(),
        })
    }
}

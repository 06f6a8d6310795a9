//! What every pass relies on: inputs that exist, come earlier, and are as many as the operator takes.

use super::{Net, Op};
use crate::Error;

/// More outputs than a device could ever need; keeps a hostile `num_outputs` from exhausting the host.
pub(crate) const MAX_OUTPUTS: usize = 1 << 16;

/// The same for all nodes together.
const MAX_ALL_OUTPUTS: usize = 1 << 22;

impl Net {
    /// Checks the references within the graph: every node reads only outputs of earlier nodes and has as
    /// many inputs as its operator takes, heads exist, data and labels are variables and declared once.
    pub fn check(&self) -> Result<(), Error> {
        let mut all_outputs = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            let outputs = node.op.outputs();
            all_outputs += outputs.min(MAX_OUTPUTS);
            if all_outputs > MAX_ALL_OUTPUTS {
                let what = format!("more than {MAX_ALL_OUTPUTS} outputs up to here");
                return Err(Error::symbol(&node.name, what));
            }
            if outputs == 0 || outputs > MAX_OUTPUTS {
                let what = format!("{outputs} outputs, but 1 to {MAX_OUTPUTS} are possible");
                return Err(Error::symbol(&node.name, what));
            }
            let (least, most) = node.op.inputs();
            if node.inputs.len() < least || node.inputs.len() > most {
                let op = node.op.mxnet_name();
                let wanted = match (least, most) {
                    (least, usize::MAX) => format!("at least {least}"),
                    (least, most) if least == most => least.to_string(),
                    (least, most) => format!("{least} to {most}"),
                };
                let what = format!("{op} takes {wanted} inputs, not {}", node.inputs.len());
                return Err(Error::symbol(&node.name, what));
            }
            for input in &node.inputs {
                let earlier = (input.node.0 as usize) < index;
                if !earlier || input.output as usize >= self.node(*input).op.outputs() {
                    let what = format!(
                        "reads output {} of node {}, which is not an earlier output",
                        input.output, input.node.0
                    );
                    return Err(Error::symbol(&node.name, what));
                }
            }
        }
        for head in &self.heads {
            let node = self.nodes.get(head.node.0 as usize);
            if node.is_none_or(|node| head.output as usize >= node.op.outputs()) {
                let what = format!("output {} of node {}", head.output, head.node.0);
                return Err(Error::symbol("heads", format!("{what} does not exist")));
            }
        }
        self.check_declared()
    }

    fn check_declared(&self) -> Result<(), Error> {
        let variables = || self.nodes.iter().filter(|node| node.op == Op::Variable);
        let data = self.data.iter().map(|desc| ("data", desc));
        let labels = self.labels.iter().map(|desc| ("label", desc));
        let mut seen = std::collections::HashSet::new();
        for (role, desc) in data.chain(labels) {
            if !variables().any(|node| node.name == desc.name) {
                let known: Vec<&str> = variables().map(|node| node.name.as_str()).collect();
                return Err(Error::UnknownName {
                    role,
                    name: desc.name.clone(),
                    known: known.join(", "),
                });
            }
            if !seen.insert(desc.name.as_str()) {
                return Err(Error::symbol(&desc.name, "declared twice as data or label"));
            }
        }
        Ok(())
    }
}

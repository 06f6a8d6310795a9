//! What a call costs: multiply-and-adds of its products. Elementwise work is not counted.

use tinpail::plan::Kernel;

use crate::flat::FlatCall;
use crate::ir::Instr;

/// The products of one call of a program.
pub(crate) fn macs(instr: &Instr) -> u64 {
    let len = |at: usize| instr.operands[at].map_or(0, |view| view.len as u64);
    of(instr.kernel, len, &instr.ints)
}

/// The products of one call of a plan; 0 of a kernel without any, and of those over f16.
pub fn of_call(call: &FlatCall) -> u64 {
    let len = |at: usize| call.spans.get(at).map_or(0, |span| u64::from(span.len));
    of(call.kernel, len, &call.ints)
}

fn of(kernel: Kernel, len: impl Fn(usize) -> u64, ints: &[u32]) -> u64 {
    let int = |at: usize| ints.get(at).map_or(0, |int| u64::from(*int));
    // Rows of deltas are strided: their number follows from the rows of the inputs.
    let rows = |len: u64, width: u64| len.checked_div(width).unwrap_or(0);
    match kernel {
        Kernel::DenseForward => len(3) * int(0),
        Kernel::DenseBackwardData => len(2) * int(1),
        Kernel::DenseGrad | Kernel::DenseUpdate => rows(len(1) + len(2), int(0)) * int(0) * int(1),
        Kernel::ConvolutionForward => len(3) * taps(int),
        Kernel::ConvolutionBackwardData | Kernel::ConvolutionGrad | Kernel::ConvolutionUpdate => {
            len(0) * taps(int)
        }
        Kernel::RnnForward => recurrent(len(0), int(0), int(1), int(2), 1),
        Kernel::LstmForward => recurrent(len(0), int(0), int(1), int(2), 4),
        Kernel::GruForward => recurrent(len(0), int(0), int(1), int(2), 3),
        Kernel::RnnBackward => len(1) * int(2),
        Kernel::LstmBackward => len(1) * 4 * int(2),
        Kernel::GruBackward => len(1) * 3 * int(2),
        _ => 0,
    }
}

/// C/G times the window.
fn taps(int: impl Fn(usize) -> u64) -> u64 {
    [0, 5, 11].map(int).iter().product()
}

/// Every step's product with its input and with the state before it.
fn recurrent(x_len: u64, batch: u64, inputs: u64, hidden: u64, gates: u64) -> u64 {
    let steps = x_len.checked_div(batch * inputs).unwrap_or(0);
    steps * batch * gates * hidden * (inputs + hidden)
}

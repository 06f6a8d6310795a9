//! The cores and the works.

/// An emulated core and how it is built for.
pub struct Core {
    pub name: &'static str,
    pub target: &'static str,
    /// What the compiler is told of the core beyond the target, `-C target-cpu=` or `-C target-feature=`; empty for nothing.
    pub flag: &'static str,
    /// The file in boards/bench/memory.
    pub memory: &'static str,
    pub qemu: &'static str,
    pub machine: &'static str,
    /// Whether the Cortex-M4's table is this core's.
    pub is_priced: bool,
    /// Whether floats are computed by functions.
    pub is_soft: bool,
    /// Whether there is a vector unit of floats.
    pub has_mve: bool,
}

pub const CORES: [Core; 7] = [
    Core {
        name: "cortex-m4f",
        target: "thumbv7em-none-eabihf",
        flag: "target-cpu=cortex-m4",
        memory: "mps2",
        qemu: "qemu-system-arm",
        machine: "mps2-an386",
        is_priced: true,
        is_soft: false,
        has_mve: false,
    },
    Core {
        name: "cortex-m7",
        target: "thumbv7em-none-eabihf",
        flag: "target-cpu=cortex-m4",
        memory: "mps2",
        qemu: "qemu-system-arm",
        machine: "mps2-an500",
        is_priced: false,
        is_soft: false,
        has_mve: false,
    },
    Core {
        name: "cortex-m33",
        target: "thumbv8m.main-none-eabihf",
        flag: "target-cpu=cortex-m33",
        memory: "an505",
        qemu: "qemu-system-arm",
        machine: "mps2-an505",
        is_priced: false,
        is_soft: false,
        has_mve: false,
    },
    Core {
        name: "cortex-m55",
        target: "thumbv8m.main-none-eabihf",
        flag: "",
        memory: "an547",
        qemu: "qemu-system-arm",
        machine: "mps3-an547",
        is_priced: false,
        is_soft: false,
        has_mve: true,
    },
    // QEMU has no board with an M0+ that is large enough; a Cortex-M3 runs the same code.
    Core {
        name: "cortex-m0plus",
        target: "thumbv6m-none-eabi",
        flag: "target-cpu=cortex-m0plus",
        memory: "mps2",
        qemu: "qemu-system-arm",
        machine: "mps2-an385",
        is_priced: false,
        is_soft: true,
        has_mve: false,
    },
    Core {
        name: "riscv32imafc",
        target: "riscv32imafc-unknown-none-elf",
        flag: "",
        memory: "virt",
        qemu: "qemu-system-riscv32",
        machine: "virt",
        is_priced: false,
        is_soft: false,
        has_mve: false,
    },
    Core {
        name: "riscv32imac",
        target: "riscv32imac-unknown-none-elf",
        flag: "",
        memory: "virt",
        qemu: "qemu-system-riscv32",
        machine: "virt",
        is_priced: false,
        is_soft: true,
        has_mve: false,
    },
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Other,
    /// Start and printing alone.
    Empty,
}

/// A binary of boards/bench.
pub struct Work {
    pub binary: &'static str,
    pub work: &'static str,
    pub mode: &'static str,
    pub by: &'static str,
    pub kind: Kind,
    /// Multiply-accumulates of the products.
    pub macs: u64,
    /// The recipe, which is the feature of boards/bench that the binary is built with.
    pub recipe: &'static str,
    /// Cargo's profile that it is built with.
    pub profile: &'static str,
}

impl Work {
    pub fn is_ours(&self) -> bool {
        self.kind == Kind::Ours
    }

    /// The binary and what it is built with, for messages.
    pub fn name(&self) -> String {
        format!("{} ({})", self.binary, self.profile)
    }

    /// What it is built with: the profile and the recipe.
    pub fn way(&self) -> (&'static str, &'static str) {
        (self.profile, self.recipe)
    }

    /// Whether the core has it: without an FPU a fused product is a long function, and without a vector unit a flushed one.
    pub fn is_for(&self, core: &Core) -> bool {
        match self.recipe {
            EXACT => true,
            FTZ => core.has_mve,
            _ => !core.is_soft,
        }
    }
}

const fn work(
    binary: &'static str,
    work: &'static str,
    mode: &'static str,
    by: &'static str,
    macs: u64,
) -> Work {
    let kind = match by.as_bytes() {
        b"tinpail" | b"tinpail, specialised" => Kind::Ours,
        b"" => Kind::Empty,
        _ => Kind::Other,
    };
    Work {
        binary,
        work,
        mode,
        by,
        kind,
        macs,
        recipe: EXACT,
        profile: "release",
    }
}

/// The same work by the recipe `fma`.
const fn fused(work: Work) -> Work {
    Work {
        recipe: "fma",
        ..work
    }
}

/// The same work by the recipe `ftz`.
const fn flushed(work: Work) -> Work {
    Work {
        recipe: FTZ,
        ..work
    }
}

/// The same work by firmware that is built for size.
const fn for_size(work: Work) -> Work {
    let by = match work.by.as_bytes() {
        b"tinpail" => "tinpail, for size",
        b"tinpail, specialised" => "tinpail, specialised, for size",
        _ => work.by,
    };
    Work {
        by,
        profile: "size",
        ..work
    }
}

const EXACT: &str = "exact";
const FTZ: &str = "ftz";

const MLP: &str = "MLP 64-32-10";
const LSTM: &str = "LSTM 16-32-10, T = 20";
const FC: &str = "dense 640 to 128";
const PRODUCT: &str = "product 16 x 640 x 16";
const CONV: &str = "convolution 3x3, 16 to 32, 16 x 16";
const DEPTHWISE: &str = "depthwise 3x3, 16, 16 x 16";
const GRU: &str = "the demo's GRU 12-16-9, T = 29";

const BUCKETS: &str = "the demo's GRU, four buckets";

/// By code for the plan's calls, not by its tables.
const SPECIALISED: &str = "tinpail, specialised";

const INFERENCE: &str = "inference";
const MOMENTUM: &str = "training, momentum";
const SGD: &str = "training, SGD";
const MOMENTUM_F16: &str = "training, momentum, f16 activations";
const INFERENCE_FMA: &str = "inference, fma";
const MOMENTUM_FMA: &str = "training, momentum, fma";
const INFERENCE_FTZ: &str = "inference, ftz";
const MOMENTUM_FTZ: &str = "training, momentum, ftz";
const SWITCH: &str = "switch_bucket";

const MLP_MACS: u64 = 64 * 32 + 32 * 10;
/// Forward, dW, and dx of the second layer alone: the input needs none.
const MLP_TRAINING_MACS: u64 = 2 * MLP_MACS + 32 * 10;
/// Forward, dW, dh of each step, dx of the dense layer.
const LSTM_TRAINING_MACS: u64 = 2 * (20 * 128 * (16 + 32) + 32 * 10) + 20 * 128 * 32 + 32 * 10;
const FC_MACS: u64 = 640 * 128;
const PRODUCT_MACS: u64 = 16 * 640 * 16;
/// Without the taps that fall into the padding: 16 + 15 + 15 of an axis.
const DEPTHWISE_MACS: u64 = 16 * 46 * 46;
const CONV_MACS: u64 = 32 * DEPTHWISE_MACS;
const GRU_MACS: u64 = 29 * 48 * (12 + 16) + 16 * 9;
const GRU_TRAINING_MACS: u64 = 2 * GRU_MACS + 29 * 48 * 16 + 16 * 9;

pub const WORKS: [Work; 38] = [
    work("mlp_momentum", MLP, MOMENTUM, "tinpail", MLP_TRAINING_MACS),
    for_size(work(
        "mlp_momentum",
        MLP,
        MOMENTUM,
        "tinpail",
        MLP_TRAINING_MACS,
    )),
    work(
        "mlp_momentum_specialised",
        MLP,
        MOMENTUM,
        SPECIALISED,
        MLP_TRAINING_MACS,
    ),
    for_size(work(
        "mlp_momentum_specialised",
        MLP,
        MOMENTUM,
        SPECIALISED,
        MLP_TRAINING_MACS,
    )),
    work(
        "naive_mlp_momentum",
        MLP,
        MOMENTUM,
        "naive loops",
        MLP_TRAINING_MACS,
    ),
    work("mlp_sgd", MLP, SGD, "tinpail", MLP_TRAINING_MACS),
    work(
        "mlp_sgd_specialised",
        MLP,
        SGD,
        SPECIALISED,
        MLP_TRAINING_MACS,
    ),
    work("naive_mlp_sgd", MLP, SGD, "naive loops", MLP_TRAINING_MACS),
    work("mlp", MLP, INFERENCE, "tinpail", MLP_MACS),
    work("mlp_specialised", MLP, INFERENCE, SPECIALISED, MLP_MACS),
    for_size(work(
        "mlp_specialised",
        MLP,
        INFERENCE,
        SPECIALISED,
        MLP_MACS,
    )),
    work("naive_mlp", MLP, INFERENCE, "naive loops", MLP_MACS),
    work("embedded_nn_mlp", MLP, INFERENCE, "embedded-nn", MLP_MACS),
    work("lstm", LSTM, MOMENTUM, "tinpail", LSTM_TRAINING_MACS),
    work(
        "lstm_specialised",
        LSTM,
        MOMENTUM,
        SPECIALISED,
        LSTM_TRAINING_MACS,
    ),
    work(
        "lstm_f16",
        LSTM,
        MOMENTUM_F16,
        "tinpail",
        LSTM_TRAINING_MACS,
    ),
    fused(work(
        "lstm_fma",
        LSTM,
        MOMENTUM_FMA,
        "tinpail",
        LSTM_TRAINING_MACS,
    )),
    flushed(work(
        "lstm_ftz",
        LSTM,
        MOMENTUM_FTZ,
        "tinpail",
        LSTM_TRAINING_MACS,
    )),
    work("fc", FC, INFERENCE, "tinpail", FC_MACS),
    fused(work("fc_fma", FC, INFERENCE_FMA, "tinpail", FC_MACS)),
    flushed(work("fc_ftz", FC, INFERENCE_FTZ, "tinpail", FC_MACS)),
    work("naive_fc", FC, INFERENCE, "naive loops", FC_MACS),
    work("embedded_nn_fc", FC, INFERENCE, "embedded-nn", FC_MACS),
    work("product", PRODUCT, INFERENCE, "tinpail", PRODUCT_MACS),
    work(
        "naive_product",
        PRODUCT,
        INFERENCE,
        "naive loops",
        PRODUCT_MACS,
    ),
    work("conv", CONV, INFERENCE, "tinpail", CONV_MACS),
    work("naive_conv", CONV, INFERENCE, "naive loops", CONV_MACS),
    work("depthwise", DEPTHWISE, INFERENCE, "tinpail", DEPTHWISE_MACS),
    work(
        "naive_depthwise",
        DEPTHWISE,
        INFERENCE,
        "naive loops",
        DEPTHWISE_MACS,
    ),
    work("gru", GRU, INFERENCE, "tinpail", GRU_MACS),
    work("gru_specialised", GRU, INFERENCE, SPECIALISED, GRU_MACS),
    work("gru_training", GRU, MOMENTUM, "tinpail", GRU_TRAINING_MACS),
    for_size(work(
        "gru_training",
        GRU,
        MOMENTUM,
        "tinpail",
        GRU_TRAINING_MACS,
    )),
    work(
        "gru_training_specialised",
        GRU,
        MOMENTUM,
        SPECIALISED,
        GRU_TRAINING_MACS,
    ),
    for_size(work(
        "gru_training_specialised",
        GRU,
        MOMENTUM,
        SPECIALISED,
        GRU_TRAINING_MACS,
    )),
    work("switch", BUCKETS, SWITCH, "tinpail", 0),
    work("empty", "nothing", "", "", 0),
    for_size(work("empty", "nothing", "", "", 0)),
];

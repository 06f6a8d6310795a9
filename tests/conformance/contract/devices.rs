//! Several devices, key-value stores, gradient compression.

use tinpail::codec::{CodecError, quantise};

use super::{Absent, Recorded, Same, Table};

const ONE_DEVICE: &str =
    "there is one device: no contexts, no work_load_list, no slices of a batch";

pub const PROBES: Table = &[
    (
        "kvstore_string_single_ctx_becomes_none",
        Absent("there is no key-value store, as in MXNet with one device"),
    ),
    ("two_contexts_work_load_list", Absent(ONE_DEVICE)),
    ("work_load_list_wrong_length", Absent(ONE_DEVICE)),
    ("more_contexts_than_samples", Absent(ONE_DEVICE)),
    (
        "compression_unknown_type",
        Absent("the codec is a type: another one does not compile"),
    ),
    ("compression_threshold_zero", Same(threshold_zero)),
    (
        "compression_kvstore_local",
        Absent("there is no key-value store to be of the wrong kind"),
    ),
    (
        "group2ctxs_bad_type",
        Absent("there is one device: no group2ctxs"),
    ),
];

fn threshold_zero(mxnet: &Recorded) {
    assert_eq!(mxnet.raises(), "MXNetError");
    mxnet.message_names("threshold must be greater than 0");
    let error = quantise(&[1.0], &mut [0.0], 0.0, &mut [0]);
    assert!(matches!(error, Err(CodecError::Threshold)), "{error:?}");
}

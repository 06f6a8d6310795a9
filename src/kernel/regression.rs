//! The gradients of the regressions, each of the output and not of the loss: that of half the squared error, which is
//! also that of the cross-entropy after a sigmoid, and that of the absolute error. MXNet's `regression_output-inl.h`.

/// y = (y - label) scale; MXNet's scale is grad_scale / (label values per sample).
pub fn linear_backward(labels: &[f32], y: &mut [f32], scale: f32) {
    for (y, label) in y.iter_mut().zip(labels) {
        *y = (*y - *label) * scale;
    }
}

/// y = scale where y > label, else -scale: also where they are equal, as in MXNet.
pub fn mae_backward(labels: &[f32], y: &mut [f32], scale: f32) {
    for (y, label) in y.iter_mut().zip(labels) {
        *y = if *y > *label { scale } else { -scale };
    }
}

/// dx = grad_scale / (values above the threshold, at least 1) everywhere: MakeLoss with the normalization `valid`.
pub fn make_loss_valid(x: &[f32], dx: &mut [f32], grad_scale: f32, threshold: f32) {
    let valid = x.iter().filter(|x| **x > threshold).count();
    dx.fill(grad_scale / valid.max(1) as f32);
}

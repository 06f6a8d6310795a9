//! The gradients of the regressions, each of the output and not of the loss: that of half the squared error, which is
//! also that of the cross-entropy after a sigmoid, and that of the absolute error. MXNet's `regression_output-inl.h`.

/// dx = (y - label) scale; MXNet's scale is grad_scale / (label values per sample).
pub fn linear_backward(y: &[f32], labels: &[f32], dx: &mut [f32], scale: f32) {
    for ((y, label), dx) in y.iter().zip(labels).zip(dx) {
        *dx = (*y - *label) * scale;
    }
}

/// dx = scale where y > label, else -scale: also where they are equal, as in MXNet.
pub fn mae_backward(y: &[f32], labels: &[f32], dx: &mut [f32], scale: f32) {
    for ((y, label), dx) in y.iter().zip(labels).zip(dx) {
        *dx = if *y > *label { scale } else { -scale };
    }
}

/// dx = grad_scale / (values above the threshold, at least 1) everywhere: MakeLoss with the normalization `valid`.
pub fn make_loss_valid(x: &[f32], dx: &mut [f32], grad_scale: f32, threshold: f32) {
    let valid = x.iter().filter(|x| **x > threshold).count();
    dx.fill(grad_scale / valid.max(1) as f32);
}

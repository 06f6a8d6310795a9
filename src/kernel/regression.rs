//! The gradient of half the squared error.

/// dx = (y - label) scale; MXNet's scale is grad_scale / (label values per sample).
pub fn linear_backward(y: &[f32], labels: &[f32], dx: &mut [f32], scale: f32) {
    for ((y, label), dx) in y.iter().zip(labels).zip(dx) {
        *dx = (*y - *label) * scale;
    }
}

//! Arithmetic value by value; the first operand is where the result goes.

/// dst = src
pub fn assign(dst: &mut [f32], src: &[f32]) {
    for (dst, src) in dst.iter_mut().zip(src) {
        *dst = *src;
    }
}

/// dst += src: also the gradient of a sum, to each side.
pub fn add_assign(dst: &mut [f32], src: &[f32]) {
    for (dst, src) in dst.iter_mut().zip(src) {
        *dst += *src;
    }
}

/// dst -= src: also the gradient of a difference, to its right side.
pub fn sub_assign(dst: &mut [f32], src: &[f32]) {
    for (dst, src) in dst.iter_mut().zip(src) {
        *dst -= *src;
    }
}

/// dst *= src: also the gradient of a product, in place, by the other side.
pub fn mul_assign(dst: &mut [f32], src: &[f32]) {
    for (dst, src) in dst.iter_mut().zip(src) {
        *dst *= *src;
    }
}

/// dst /= src: also the gradient of a quotient, to its left side.
pub fn div_assign(dst: &mut [f32], src: &[f32]) {
    for (dst, src) in dst.iter_mut().zip(src) {
        *dst /= *src;
    }
}

/// y stays where the condition is not 0 (`when` true) or is 0 (`when` false); elsewhere it becomes `other`, or 0 if there
/// is none. Its own gradient, on dy without `other`, to the side that `when` names.
pub fn select(condition: &[f32], other: &[f32], y: &mut [f32], when: bool) {
    for (index, (y, condition)) in y.iter_mut().zip(condition).enumerate() {
        if (*condition != 0.0) != when {
            *y = other.get(index).copied().unwrap_or(0.0);
        }
    }
}

/// dst = a b
pub fn mul(dst: &mut [f32], a: &[f32], b: &[f32]) {
    for ((dst, a), b) in dst.iter_mut().zip(a).zip(b) {
        *dst = *a * *b;
    }
}

/// dst += a b: a product's gradient onto one that is there already.
pub fn mul_add_assign(dst: &mut [f32], a: &[f32], b: &[f32]) {
    for ((dst, a), b) in dst.iter_mut().zip(a).zip(b) {
        *dst += *a * *b;
    }
}

/// y = y + scalar
pub fn plus_scalar(y: &mut [f32], scalar: f32) {
    for y in y {
        *y += scalar;
    }
}

/// y = y - scalar
pub fn minus_scalar(y: &mut [f32], scalar: f32) {
    for y in y {
        *y -= scalar;
    }
}

/// y = scalar - y
pub fn rminus_scalar(y: &mut [f32], scalar: f32) {
    for y in y {
        *y = scalar - *y;
    }
}

/// y = y scalar
pub fn mul_scalar(y: &mut [f32], scalar: f32) {
    for y in y {
        *y *= scalar;
    }
}

/// y = y / scalar
pub fn div_scalar(y: &mut [f32], scalar: f32) {
    for y in y {
        *y /= scalar;
    }
}

/// y = -y: the gradient of a difference's right side, and of [`rminus_scalar`].
pub fn negate(y: &mut [f32]) {
    for y in y {
        *y = -*y;
    }
}

/// y = value
pub fn fill(y: &mut [f32], value: f32) {
    y.fill(value);
}

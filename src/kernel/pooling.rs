//! Pooling over (N, C, H, W), MXNet's `Pooling`: one window after the other, each over its own plane. 1-D has H = 1.
//!
//! A window is cut to the input; one that lies wholly in the padding gives -3.4028235e38 (max) or 0, and has no
//! gradient. Fixed order: a window's inputs row by row; gradients of windows that overlap are added in the order of
//! the outputs, onto +0.

use super::rows::{rows, rows_mut};
use super::window::{Axis, Cover, Rect};
use crate::math::Math;

/// The sizes of a pooling; `dilate` of the axes is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub height: Axis,
    pub width: Axis,
}

/// What an average divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// Nothing: the sum.
    One,
    /// The window's size, the padding counted (`count_include_pad`), but not what lies beyond it.
    Padded,
    /// The inputs in the window.
    Inputs,
}

impl Divisor {
    /// As plans store it.
    pub const fn from_u32(number: u32) -> Option<Self> {
        match number {
            0 => Some(Divisor::One),
            1 => Some(Divisor::Padded),
            2 => Some(Divisor::Inputs),
            _ => None,
        }
    }

    fn of(self, height: &Cover, width: &Cover) -> f32 {
        let size = match self {
            Divisor::One => 1,
            Divisor::Padded => height.padded.saturating_mul(width.padded),
            Divisor::Inputs => height.inputs.len().saturating_mul(width.inputs.len()),
        };
        // Of an empty window: its sum is 0.
        size.max(1) as f32
    }
}

impl Pooling {
    fn input_plane(self) -> usize {
        self.height.input.saturating_mul(self.width.input)
    }

    fn output_plane(self) -> usize {
        self.height.output.saturating_mul(self.width.output)
    }

    /// Sets each output to `value` of its window: the inputs in it, and what it covers of height and width.
    fn forward(
        self,
        x: &[f32],     // [P, H, W]
        y: &mut [f32], // [P, OH, OW]
        value: impl Fn(&[f32], Rect, [&Cover; 2]) -> f32,
    ) {
        for (x, y) in rows(x, self.input_plane()).zip(rows_mut(y, self.output_plane())) {
            for (oh, y) in rows_mut(y, self.width.output).enumerate() {
                let height = self.height.cover(oh);
                for (ow, y) in y.iter_mut().enumerate() {
                    let width = self.width.cover(ow);
                    let rect = Rect::covered(&height, &width, self.width.input);
                    *y = value(x, rect, [&height, &width]);
                }
            }
        }
    }

    /// Hands `add` each window with its gradient and the plane of dx that it is added to, from zeros on; and the
    /// plane of x, empty if `x` is.
    fn backward(
        self,
        x: &[f32],      // [P, H, W] or empty
        dy: &[f32],     // [P, OH, OW]
        dx: &mut [f32], // [P, H, W]
        add: impl Fn(&[f32], &mut [f32], Rect, [&Cover; 2], f32),
    ) {
        let mut planes = rows(x, self.input_plane());
        for (dy, dx) in rows(dy, self.output_plane()).zip(rows_mut(dx, self.input_plane())) {
            let x = planes.next().unwrap_or(&[]);
            dx.fill(0.0);
            for (oh, dy) in rows(dy, self.width.output).enumerate() {
                let height = self.height.cover(oh);
                for (ow, dy) in dy.iter().enumerate() {
                    let width = self.width.cover(ow);
                    let rect = Rect::covered(&height, &width, self.width.input);
                    add(x, dx, rect, [&height, &width], *dy);
                }
            }
        }
    }

    /// The largest of each window.
    pub fn max_forward(
        self,
        x: &[f32],     // [P, H, W]
        y: &mut [f32], // [P, OH, OW]
    ) {
        self.forward(x, y, |x, rect, _| largest(x, rect).0);
    }

    /// The gradient goes to the first of the largest of each window, as in MXNet 1.9.1 (measured).
    pub fn max_backward(
        self,
        x: &[f32],      // [P, H, W]
        dy: &[f32],     // [P, OH, OW]
        dx: &mut [f32], // [P, H, W]
    ) {
        self.backward(x, dy, dx, |x, dx, rect, _, dy| {
            if let Some(dx) = largest(x, rect).1.and_then(|at| dx.get_mut(at)) {
                *dx += dy;
            }
        });
    }

    /// The sum of each window, divided.
    pub fn average_forward(
        self,
        x: &[f32],     // [P, H, W]
        y: &mut [f32], // [P, OH, OW]
        divisor: Divisor,
    ) {
        self.forward(x, y, |x, rect, [height, width]| {
            let sum = rect.of(x).flatten().fold(0.0, |sum, x| sum + x);
            match divisor {
                Divisor::One => sum,
                _ => sum / divisor.of(height, width),
            }
        });
    }

    /// Each input of a window has an equal share of its gradient.
    pub fn average_backward(
        self,
        dy: &[f32],     // [P, OH, OW]
        dx: &mut [f32], // [P, H, W]
        divisor: Divisor,
    ) {
        self.backward(&[], dy, dx, |_, dx, rect, [height, width], dy| {
            let share = match divisor {
                Divisor::One => dy,
                _ => dy / divisor.of(height, width),
            };
            rect.of_mut(dx).flatten().for_each(|dx| *dx += share);
        });
    }

    /// y = (the sum of x^p)^(1/p) of each window, p 2 or 3, without absolute values, as MXNet has it.
    pub fn lp_forward(
        self,
        x: &[f32],     // [P, H, W]
        y: &mut [f32], // [P, OH, OW]
        power: Power,
        math: Math,
    ) {
        self.forward(x, y, |x, rect, _| power.norm(x, rect, math));
    }

    /// dx = dy (x / y)^(p - 1); none where y is 0.
    pub fn lp_backward(
        self,
        x: &[f32],      // [P, H, W]
        dy: &[f32],     // [P, OH, OW]
        dx: &mut [f32], // [P, H, W]
        power: Power,
        math: Math,
    ) {
        self.backward(x, dy, dx, |x, dx, rect, _, dy| {
            let y = power.norm(x, rect, math);
            if y == 0.0 {
                return;
            }
            for (x, dx) in rect.of(x).flatten().zip(rect.of_mut(dx).flatten()) {
                let share = x / y;
                *dx += match power {
                    Power::Two => dy * share,
                    Power::Three => dy * (share * share),
                };
            }
        });
    }
}

/// The largest value of the rectangle, and where in the plane the first of the largest lies.
fn largest(plane: &[f32], rect: Rect) -> (f32, Option<usize>) {
    let (mut most, mut at) = (f32::MIN, None);
    let mut first = rect.first;
    for row in rect.of(plane) {
        for (column, x) in row.iter().enumerate() {
            if *x > most || at.is_none() && *x == most {
                (most, at) = (*x, Some(first.saturating_add(column)));
            }
        }
        first = first.saturating_add(rect.stride);
    }
    (most, at)
}

/// `p_value` of an lp pooling; with 1 it is the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Two,
    Three,
}

impl Power {
    /// As plans store it.
    pub const fn from_u32(number: u32) -> Option<Self> {
        match number {
            2 => Some(Power::Two),
            3 => Some(Power::Three),
            _ => None,
        }
    }

    fn norm(self, plane: &[f32], rect: Rect, math: Math) -> f32 {
        let values = rect.of(plane).flatten();
        match self {
            Power::Two => math.sqrt(values.fold(0.0, |sum, x| sum + x * x)),
            Power::Three => {
                let sum: f32 = values.fold(0.0, |sum, x| sum + x * x * x);
                if sum == 0.0 {
                    return 0.0;
                }
                let root = math.exp(math.ln(sum.abs()) / 3.0);
                if sum < 0.0 { -root } else { root }
            }
        }
    }
}

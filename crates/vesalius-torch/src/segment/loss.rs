//! The U-Net's loss, and the two parts that it shares with nnU-Net's ([`super::deep`]).

use crate::pairs::batch::one_hot;
use tch::{Kind, Tensor};

/// Keeps the Dice of absent classes finite.
const SMOOTH: f64 = 1e-5;

/// Cross-entropy + (1 − soft Dice): logits `[N, K, H, W]`, labels `[N, H, W]`. The Dice of each foreground class is
/// taken over the whole batch; 1e-5 in the denominator keeps absent classes finite.
pub fn loss(logits: &Tensor, labels: &Tensor) -> Tensor {
    let (entropy, dice) = parts(logits, labels);
    entropy + (1.0 - dice)
}

/// Cross-entropy, and the mean soft Dice of the foreground classes.
pub fn parts(logits: &Tensor, labels: &Tensor) -> (Tensor, Tensor) {
    let classes = logits.size()[1];
    let entropy = logits.cross_entropy_loss::<Tensor>(
        labels,
        None,
        tch::Reduction::Mean,
        -100, // PyTorch's default ignore_index: no label has it.
        0.0,
    );
    let probability = logits.softmax(1, Kind::Float).narrow(1, 1, classes - 1);
    let target = one_hot(labels, classes);
    let target = target.narrow(1, 1, classes - 1);
    let over: Vec<i64> = (0..logits.dim() as i64).filter(|axis| *axis != 1).collect();
    let over = &over[..];
    let both = (&probability * &target).sum_dim_intlist(over, false, Kind::Float);
    let sum = probability.sum_dim_intlist(over, false, Kind::Float)
        + target.sum_dim_intlist(over, false, Kind::Float);
    let dice = (both * 2.0 + SMOOTH) / (sum + SMOOTH);
    (entropy, dice.mean(Kind::Float))
}

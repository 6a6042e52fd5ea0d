#!/usr/bin/env python3
"""Numbers of the authors' StyleGAN (2019): mapping, synthesis and discriminator at several levels of detail, the
gradients of the generator's loss and of R1.

Their code is not on a package index: --code names a checkout of NVlabs/stylegan
(commit 1e0d5c781384ef12b50ef20a62fee5d78b38e88f). It is imported, never copied. It was written for TensorFlow 1: its
graph mode in requirements-stylegan.txt's version runs it. Convolutions are handed over channels-last, because
TensorFlow has no others on a CPU; two functions of its `tflib` stand in for that package.
"""
import argparse
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import tensorflow

from pseudo import uniform

HERE = Path(__file__).resolve().parent
tf = tensorflow.compat.v1
tf.disable_v2_behavior()
LATENT, SIZE, CHANNELS, BATCH = 16, 32, 3, 4
WIDTH = dict(fmap_base=128, fmap_max=24)
LODS = [0.0, 1.0, 1.25, 2.6]


def channels_last(function, strides_at):
    def wrapped(*args, strides=None, padding=None, data_format=None, **kwargs):
        args = list(args)
        args[0] = tf.transpose(args[0], [0, 2, 3, 1])
        if strides_at == "transpose":
            n, c, h, w = args[2]
            args[2] = [n, h, w, c]
        strides = [1, strides[2], strides[3], 1]
        y = function(*args, strides=strides, padding=padding, data_format="NHWC", **kwargs)
        return tf.transpose(y, [0, 3, 1, 2])

    return wrapped


def load(code: str):
    """Their network definitions, with TensorFlow's graph mode under the name they import."""
    shim = types.ModuleType("tensorflow")
    shim.__dict__.update(tf.__dict__)
    nn = types.ModuleType("nn")
    nn.__dict__.update(tf.nn.__dict__)
    nn.conv2d = channels_last(tf.nn.conv2d, None)
    nn.depthwise_conv2d = channels_last(tf.nn.depthwise_conv2d, None)
    nn.conv2d_transpose = channels_last(tf.nn.conv2d_transpose, "transpose")
    shim.nn = nn
    tflib = types.ModuleType("dnnlib.tflib")
    tflib.lerp = lambda a, b, t: a + (b - a) * t
    tflib.lerp_clip = lambda a, b, t: a + (b - a) * tf.clip_by_value(t, 0.0, 1.0)
    dnnlib = types.ModuleType("dnnlib")
    dnnlib.tflib, dnnlib.EasyDict = tflib, dict
    sys.modules.update({"tensorflow": shim, "dnnlib": dnnlib, "dnnlib.tflib": tflib})
    spec = importlib.util.spec_from_file_location("networks_stylegan", Path(code) / "training/networks_stylegan.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(name: str) -> str:
    """Their variable's name as ours: tests/golden/stylegan.rs seeds by it."""
    top = int(np.log2(SIZE))
    scope, name = name.split("/", 1)
    if scope == "mapping":
        return "g.mapping." + name.replace("Dense", "fc").replace("/", ".")
    if name == "lod":
        return f"{scope}.lod"
    prefix = "g.synthesis." if scope == "g" else "d."
    if name.startswith("noise"):
        index = int(name[5:])
        return f"{prefix}b{4 << (index // 2)}.conv{index % 2}.noise_const"
    if "_lod" in name:
        head, leaf = name.split("/")
        kind, lod = head.split("_lod")
        return f"{prefix}b{2 ** (top - int(lod))}.{kind.lower()}.{leaf}"
    block, layer, *leaf = name.split("/")
    leaf = "/".join(leaf)
    resolution = block.split("x")[0]
    if leaf == "const":
        return f"{prefix}b4.const"
    if scope == "g":
        layer = {"Const": "conv0", "Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1"}[layer]
        leaf = {"Noise/weight": "noise_strength", "StyleMod/weight": "style.weight", "StyleMod/bias": "style.bias"}.get(leaf, leaf)
    else:
        layer = {"Conv": "conv", "Conv0": "conv0", "Conv1_down": "conv1"}.get(layer, layer.lower())
    return f"{prefix}b{resolution}.{layer}.{leaf}"


def to_theirs(value: np.ndarray, shape) -> np.ndarray:
    """From our layout: [out, in, k, k] and [out, in] to [k, k, in, out] and [in, out]."""
    if len(shape) == 4 and value.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    if len(shape) == 2 and value.ndim == 2:
        return value.T
    return value.reshape(shape)


def our_shape(name: str, shape):
    shape = list(shape)
    if name.endswith("const"):
        return shape[1:] if name.endswith(".const") else shape[2:]
    if len(shape) == 4:
        return [shape[3], shape[2], shape[0], shape[1]]
    return shape[::-1]


def seeded(name: str, shape) -> np.ndarray:
    scale = 1.7
    if name.endswith("noise_strength") or name.endswith("bias"):
        scale = 0.2
    if ".fc" in name:
        scale *= 100.0
    return (uniform(name, our_shape(name, shape)) * scale).astype(np.float32)


def summary(name: str, value: np.ndarray) -> list:
    """Norm, and the product with numbers of its own; as golden/stylegan2.py's."""
    value = value.astype(np.float64)
    key = uniform(f"probe.{name}", list(value.shape) or [1]).reshape(value.shape)
    return [float(np.sqrt((value**2).sum())), float((value * key).sum())]


def back(name: str, value: np.ndarray) -> np.ndarray:
    if name.endswith(".const"):
        return value[0]
    if value.ndim == 4:
        return value.transpose(3, 2, 0, 1)
    return value.T if value.ndim == 2 else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--code", required=True, help="checkout of NVlabs/stylegan")
    networks = load(parser.parse_args().code)
    z = tf.constant((uniform("z", [BATCH, LATENT]) * 1.7).astype(np.float32))
    none = tf.zeros([BATCH, 0])
    real = tf.constant(uniform("real", [BATCH, CHANNELS, SIZE, SIZE]).astype(np.float32))
    layers = 2 * int(np.log2(SIZE)) - 2
    with tf.variable_scope("mapping"):
        styles = networks.G_mapping(z, none, latent_size=LATENT, dlatent_size=LATENT, mapping_fmaps=LATENT, dlatent_broadcast=layers)
    with tf.variable_scope("g"):
        sample = networks.G_synthesis(styles, dlatent_size=LATENT, num_channels=CHANNELS, resolution=SIZE, use_noise=1, randomize_noise=False, structure="linear", **WIDTH)
    judge = dict(num_channels=CHANNELS, resolution=SIZE, structure="linear", mbstd_group_size=4, **WIDTH)
    with tf.variable_scope("d"):
        logits = networks.D_basic(real, none, **judge)
    with tf.variable_scope("d", reuse=True):
        on_fake = networks.D_basic(sample, none, **judge)
    generator_loss = tf.reduce_mean(tf.nn.softplus(-on_fake))
    slope = tf.gradients(tf.reduce_sum(logits), [real])[0]
    r1 = tf.reduce_mean(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3]))
    variables = {v: ours(v.op.name) for v in tf.global_variables()}
    of = lambda prefixes: [v for v in tf.trainable_variables() if v.op.name.split("/")[0] in prefixes]
    out = {}
    with tf.Session() as session:
        for variable, name in variables.items():
            if name.endswith("lod"):
                continue
            shape = [int(n) for n in variable.shape]
            session.run(variable.assign(to_theirs(seeded(name, shape), shape)))
        out["mapping"] = [float(v) for v in session.run(styles)[:, 0].reshape(-1)]
        for lod in LODS:
            for variable, name in variables.items():
                if name.endswith("lod"):
                    session.run(variable.assign(lod))
            image = session.run(sample)
            out[f"sample.{lod}"] = [float(v) for v in image[:, :, ::5, ::5].reshape(-1)]
            out[f"logits.{lod}"] = [float(v) for v in session.run(logits).reshape(-1)]
            for label, loss, chosen in [("generator", generator_loss, of(["mapping", "g"])), ("r1", r1, of(["d"]))]:
                table = {}
                for variable, gradient in zip(chosen, tf.gradients(loss, chosen)):
                    if gradient is not None:
                        name = variables[variable]
                        value = back(name, session.run(gradient))
                        table[name[2:]] = summary(name[2:], value)
                out[f"{label}.{lod}"] = table
    (HERE / "stylegan.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()

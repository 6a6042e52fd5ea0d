#!/usr/bin/env python3
"""Numbers of the authors' SPADE: networks, encoder, and losses and gradients of both updates.

Their code is not on a package index: --code names a checkout of NVlabs/SPADE
(commit fecacc920c1367a038995c45a39c15f6521ca64f). It is imported, never copied. Its synchronised batch normalisation is
a submodule; on one device it is PyTorch's own, which stands in.
"""
import argparse
import json
import sys
import types
import warnings
from pathlib import Path

import torch
from torch import nn

from pseudo import tensor
from stylegan2 import numbers, summary

warnings.filterwarnings("ignore")
HERE = Path(__file__).resolve().parent
SIZE, CLASSES, CHANNELS, BATCH, STYLE = 64, 4, 3, 2, 8
# Forward passes in training until running statistics and singular vectors are those of the activations and weights:
# drawn at random they saturate every pixel of a picture, and only signs would be compared.
SETTLE = 4


def options(**changes) -> types.SimpleNamespace:
    values = dict(
        ngf=4, ndf=6, semantic_nc=CLASSES, label_nc=CLASSES, output_nc=CHANNELS, crop_size=SIZE, aspect_ratio=1.0,
        norm_G="spectralspadesyncbatch3x3", norm_D="spectralinstance", norm_E="spectralinstance", use_vae=False,
        z_dim=STYLE, num_upsampling_layers="normal", netD_subarch="n_layer", num_D=2, n_layers_D=4,
        contain_dontcare_label=False, no_instance=True, no_ganFeat_loss=False, no_vgg_loss=True, lambda_feat=10.0,
        lambda_kld=0.05, gan_mode="hinge", gpu_ids=[], isTrain=True,
    )
    return types.SimpleNamespace(**{**values, **changes})


def seed(network: nn.Module, prefix: str) -> None:
    """Weights by name; tests/golden/spade.rs has the same rule."""
    for name, value in list(network.named_parameters()) + list(network.named_buffers()):
        if name.endswith("num_batches_tracked"):
            continue
        # Normalisations of one block see the same activations: their statistics are the same in any trained network.
        key = name.rsplit(".", 1)[-1] if "running" in name else name
        given = tensor(f"{prefix}.{key}", list(value.shape))
        if name.endswith("weight_u") or name.endswith("weight_v"):
            given = given / given.norm()
        elif name.endswith("running_var"):
            given = 1 + 0.2 * given
        elif name.endswith("bias") or name.endswith("running_mean"):
            given = 0.1 * given
        else:
            # The last layer is small, so that tanh does not saturate.
            given = (0.06 if name == "conv_img.weight" else 0.2) * given
        value.data.copy_(given)


def settle(generator: nn.Module, layout, z=None) -> nn.Module:
    """Ready for evaluation."""
    generator.train()
    with torch.no_grad():
        for _ in range(SETTLE):
            generator(layout, z)
    return generator.eval()


def picture(generated: torch.Tensor) -> list:
    """Some pixels, none of them saturated."""
    some = generated[:, :, ::13, ::13]
    assert some.abs().max() < 0.99 and some.std() > 0.05, (some.abs().max(), some.std())
    return numbers(some)


def gradients(network: nn.Module, prefix: str = "") -> dict:
    named = [(prefix + n, p.grad) for n, p in network.named_parameters() if p.grad is not None]
    return {n: summary(n, gradient) for n, gradient in named}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--code", required=True, help="checkout of NVlabs/SPADE")
    sys.path.insert(0, parser.parse_args().code)
    stand_in = types.ModuleType("models.networks.sync_batchnorm")
    stand_in.SynchronizedBatchNorm2d = nn.BatchNorm2d
    stand_in.DataParallelWithCallback = nn.DataParallel
    sys.modules["models.networks.sync_batchnorm"] = stand_in
    from models.networks import encoder as encoders
    from models.networks.architecture import SPADEResnetBlock
    from models.networks.discriminator import MultiscaleDiscriminator
    from models.networks.encoder import ConvEncoder
    from models.networks.generator import SPADEGenerator
    from models.networks.loss import GANLoss, KLDLoss
    from models.pix2pix_model import Pix2PixModel

    labels = (tensor("labels", [BATCH, SIZE, SIZE]) * 2 + 2).long().clamp(0, CLASSES - 1)
    layout = nn.functional.one_hot(labels, CLASSES).permute(0, 3, 1, 2).float()
    image = tensor("image", [BATCH, CHANNELS, SIZE, SIZE])
    out = {}

    block = SPADEResnetBlock(6, 4, options())
    seed(block, "block")
    for train in (True, False):
        block.train(train)
        x = tensor("block.x", [BATCH, 6, 16, 16])
        out[f"block.{'train' if train else 'eval'}"] = numbers(block(x, layout)[:, :, ::5, ::5])

    depths = [
        ("plain", {}),
        ("style", dict(use_vae=True)),
        ("more", dict(num_upsampling_layers="more")),
        ("most", dict(num_upsampling_layers="most", crop_size=128)),
    ]
    for name, changes in depths:
        opt = options(**changes)
        g = SPADEGenerator(opt)
        seed(g, "g")
        big = nn.functional.interpolate(layout, size=opt.crop_size)
        z = tensor("z", [BATCH, STYLE], 1.7) if opt.use_vae else None
        out[f"generator.{name}"] = picture(settle(g, big, z)(big, z))

    d = MultiscaleDiscriminator(options())
    seed(d, "d")
    for i, outputs in enumerate(d(torch.cat([layout, image], 1))):
        out[f"discriminator.logits.{i}"] = numbers(outputs[-1][:, :, ::3, ::3])

    encoder = ConvEncoder(options(crop_size=256))
    seed(encoder, "encoder")
    encoder.eval()
    mu, log_var = encoder(tensor("encoder.image", [1, CHANNELS, 256, 256]))
    out["encoder"] = numbers(torch.cat([mu[:, :16], log_var[:, :16]]))
    out["kl"] = numbers(KLDLoss()(mu, 0.1 * log_var))

    def training(opt) -> Pix2PixModel:
        """The authors' model, built without its constructor, which asks for a GPU."""
        model = Pix2PixModel.__new__(Pix2PixModel)
        nn.Module.__init__(model)
        model.opt, model.FloatTensor = opt, torch.FloatTensor
        model.netG, model.netD = SPADEGenerator(opt), MultiscaleDiscriminator(opt)
        model.netE = ConvEncoder(opt) if opt.use_vae else None
        model.criterionGAN = GANLoss("hinge", tensor=torch.FloatTensor, opt=opt)
        model.criterionFeat, model.KLDLoss = nn.L1Loss(), KLDLoss()
        seed(model.netG, "g")
        seed(model.netD, "d")
        return model

    # Both updates without a style; each term of the losses on its own.
    model = training(options())
    losses, generated = model.compute_generator_loss(layout, image)
    picture(generated)
    sum(losses.values()).mean().backward()
    out["generator.loss"] = [float(losses["GAN"]), float(losses["GAN_Feat"])]
    out["generator.gradients"] = gradients(model.netG)
    model.netD.zero_grad(set_to_none=True)
    losses = model.compute_discriminator_loss(layout, image)
    sum(losses.values()).mean().backward()
    out["discriminator.loss"] = [float(losses["D_Fake"]), float(losses["D_real"])]
    out["discriminator.gradients"] = gradients(model.netD)

    # The generator's with the encoder, whose draw is given. Their encoder resizes to 256 pixels, at which its five layers
    # do not fit; ours to 128, which is all that is changed here. At 256 pixels a few of the many activations lie so near
    # a kink of the loss that gradients in floats are exact to 1e-3 only. At the full weight of the divergence nothing
    # else would show in the encoder's gradients.
    resize = nn.functional.interpolate
    encoders.F = types.SimpleNamespace(interpolate=lambda x, size, mode: resize(x, size=(128, 128), mode=mode))
    model = training(options(use_vae=True, z_dim=256, lambda_kld=5e-5))
    seed(model.netE, "g")
    torch.randn_like = lambda x: tensor("vae.noise", list(x.shape), 1.7)
    losses, generated = model.compute_generator_loss(layout, image)
    picture(generated)
    sum(losses.values()).mean().backward()
    out["vae.loss"] = [float(losses["GAN"]), float(losses["GAN_Feat"]), float(losses["KLD"])]
    out["vae.gradients"] = {**gradients(model.netG), **gradients(model.netE, "encoder.")}
    (HERE / "spade.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()

"""How far PyTorch's own autocast to bf16 is from f32: the first gradient of a small DCGAN, for `docs/decisions/precision.md`.

Prints, for five seeds, the distance of the gradient as a share of its norm: of the discriminator, of the generator.
"""
import torch
import torch.nn.functional as F
from torch import nn

FILTERS, BATCH, CHANNELS, LATENT = 8, 4, 4, 100


def networks():
    def down(i, o):
        return [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]

    def up(i, o, stride=2, padding=1):
        return [nn.ConvTranspose2d(i, o, 4, stride, padding, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

    f = FILTERS
    discriminator = nn.Sequential(nn.Conv2d(CHANNELS, f, 4, 2, 1), nn.LeakyReLU(0.2), *down(f, 2 * f), *down(2 * f, 4 * f),
                                  *down(4 * f, 8 * f), nn.Conv2d(8 * f, 1, 4, 1, 0))
    generator = nn.Sequential(*up(LATENT, 8 * f, 1, 0), *up(8 * f, 4 * f), *up(4 * f, 2 * f), *up(2 * f, f),
                              nn.ConvTranspose2d(f, CHANNELS, 4, 2, 1), nn.Tanh())
    for module in [*discriminator, *generator]:
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0, 0.02)
    return discriminator, generator


def gradient(parameters, losses, autocast):
    parameters = list(parameters)
    for parameter in parameters:
        parameter.grad = None
    for logits, target in losses:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = logits()
        F.binary_cross_entropy_with_logits(out.float(), torch.full_like(out.float(), target)).backward()
    return torch.cat([parameter.grad.flatten() for parameter in parameters])


for seed in range(5):
    torch.manual_seed(seed)
    discriminator, generator = networks()
    real, fake = torch.rand(BATCH, CHANNELS, 64, 64) * 2 - 1, torch.randn(BATCH, CHANNELS, 64, 64) * 0.1
    z = torch.randn(BATCH, LATENT, 1, 1)
    of_discriminator = [(lambda: discriminator(real), 1.0), (lambda: discriminator(fake), 0.0)]
    of_generator = [(lambda: discriminator(generator(z)), 1.0)]
    shares = []
    for network, losses in [(discriminator, of_discriminator), (generator, of_generator)]:
        exact, cast = (gradient(network.parameters(), losses, autocast) for autocast in (False, True))
        shares.append(((cast - exact).norm() / exact.norm()).item())
    print(" ".join(f"{share:.4f}" for share in shares))

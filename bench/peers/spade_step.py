"""The authors' SPADE on a CPU: images per second of training steps (generator, discriminator, Adam), 64 filters, 4
classes, RGB, no style, no VGG loss.

Reads `run N` lines, answers with images per second. Usage: spade_step.py CHECKOUT THREADS SIZE BATCH
CHECKOUT: NVlabs/SPADE. Its synchronised batch normalisation is a submodule; PyTorch's own stands in.
"""
import sys
import time
import types
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
sys.path.insert(0, sys.argv[1])
stand_in = types.ModuleType("models.networks.sync_batchnorm")
stand_in.SynchronizedBatchNorm2d = nn.BatchNorm2d
sys.modules["models.networks.sync_batchnorm"] = stand_in
from models.networks.discriminator import MultiscaleDiscriminator  # noqa: E402
from models.networks.generator import SPADEGenerator  # noqa: E402
from models.networks.loss import GANLoss  # noqa: E402
from models.pix2pix_model import Pix2PixModel  # noqa: E402

torch.set_num_threads(int(sys.argv[2]))
size, batch, classes = int(sys.argv[3]), int(sys.argv[4]), 4
opt = types.SimpleNamespace(
    ngf=64, ndf=64, semantic_nc=classes, label_nc=classes, output_nc=3, crop_size=size, aspect_ratio=1.0,
    norm_G="spectralspadesyncbatch3x3", norm_D="spectralinstance", use_vae=False, z_dim=256,
    num_upsampling_layers="normal", netD_subarch="n_layer", num_D=2, n_layers_D=4, contain_dontcare_label=False,
    no_instance=True, no_ganFeat_loss=False, no_vgg_loss=True, lambda_feat=10.0, gan_mode="hinge", gpu_ids=[],
    isTrain=True,
)
model = Pix2PixModel.__new__(Pix2PixModel)  # its constructor asks for a GPU
nn.Module.__init__(model)
model.opt, model.FloatTensor = opt, torch.FloatTensor
model.netG, model.netD, model.netE = SPADEGenerator(opt), MultiscaleDiscriminator(opt), None
for network in (model.netG, model.netD):
    network.init_weights("xavier", 0.02)
model.criterionGAN = GANLoss("hinge", tensor=torch.FloatTensor, opt=opt)
model.criterionFeat = nn.L1Loss()
optimise_g = torch.optim.Adam(model.netG.parameters(), lr=1e-4, betas=(0.0, 0.9))
optimise_d = torch.optim.Adam(model.netD.parameters(), lr=4e-4, betas=(0.0, 0.9))
labels = torch.randint(0, classes, (batch, size, size))
layout = nn.functional.one_hot(labels, classes).permute(0, 3, 1, 2).float().contiguous()
image = torch.rand(batch, 3, size, size) * 2 - 1
for line in sys.stdin:
    steps = int(line.split()[1])
    start = time.perf_counter()
    for _ in range(steps):
        optimise_g.zero_grad()
        sum(model.compute_generator_loss(layout, image)[0].values()).mean().backward()
        optimise_g.step()
        optimise_d.zero_grad()
        sum(model.compute_discriminator_loss(layout, image).values()).mean().backward()
        optimise_d.step()
    print(f"{steps * batch / (time.perf_counter() - start):.3f}", flush=True)

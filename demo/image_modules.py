"""The attributes that the modules of CT, MR and CR images ask for (PS3.3 A.2, A.3, A.4), with plausible values."""

from __future__ import annotations

from pydicom.dataset import Dataset

SLICE = 5.0  # millimetres


def describe_series(header: Dataset, modality: str) -> None:
    """What all images of the series share."""
    header.Modality = modality
    header.Manufacturer = "Example Imaging"
    header.ManufacturerModelName = "Phantom One"
    header.StationName = f"{modality}1"
    header.SoftwareVersions = "1.0"
    header.SeriesDescription = {"CT": "Axial 5 mm", "MR": "T1 axial", "CR": "PA"}[modality]
    header.PositionReferenceIndicator = None
    header.AcquisitionNumber = 1
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated = 16
    header.BitsStored = 12
    header.HighBit = 11
    header.PixelRepresentation = 0
    header.BurnedInAnnotation = "NO"
    header.LossyImageCompression = "00"
    {"CT": _ct, "MR": _mr, "CR": _cr}[modality](header)


def describe_image(header: Dataset, modality: str, number: int, n: int) -> None:
    """What differs from image to image; `number` counts from 1 to `n`."""
    header.InstanceNumber = number
    if modality == "CR":
        return
    height = SLICE * (number - (n + 1) / 2)
    down, across = (float(spacing) for spacing in header.PixelSpacing)
    header.ImagePositionPatient = [-across * header.Columns / 2, -down * header.Rows / 2, height]
    header.SliceLocation = height


def _volume(header: Dataset, field_of_view: float) -> None:
    header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    header.PixelSpacing = [field_of_view / int(header.Rows), field_of_view / int(header.Columns)]
    header.SliceThickness = SLICE
    header.SpacingBetweenSlices = SLICE
    header.PatientPosition = "HFS"


def _ct(header: Dataset) -> None:
    _volume(header, 384.0)
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.KVP = 120
    header.XRayTubeCurrent = 200
    header.ExposureTime = 500
    header.ConvolutionKernel = "B30"
    header.RescaleIntercept = -1024
    header.RescaleSlope = 1
    header.RescaleType = "HU"
    header.WindowCenter = 40
    header.WindowWidth = 400
    del header.SpacingBetweenSlices


def _mr(header: Dataset) -> None:
    _volume(header, 256.0)
    header.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    header.ScanningSequence = "SE"
    header.SequenceVariant = "NONE"
    header.ScanOptions = None
    header.MRAcquisitionType = "2D"
    header.RepetitionTime = 500
    header.EchoTime = 15
    header.EchoTrainLength = 1
    header.MagneticFieldStrength = 1.5
    header.WindowCenter = 1500
    header.WindowWidth = 3000


def _cr(header: Dataset) -> None:
    # Projections have no frame of reference.
    del header.FrameOfReferenceUID, header.PositionReferenceIndicator
    header.ImageType = ["ORIGINAL", "PRIMARY"]
    header.ViewPosition = "PA"
    header.PatientOrientation = ["L", "F"]
    header.KVP = 125
    header.PlateType = "PHOSPHOR"
    header.ImagerPixelSpacing = [0.5, 0.5]
    header.WindowCenter = 2048
    header.WindowWidth = 4096

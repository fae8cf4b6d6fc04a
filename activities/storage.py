"""In what images are asked for by C-GET: SOP classes (PS3.4 Annex B.5) and transfer syntaxes (PS3.6 Annex A)."""

from __future__ import annotations

from pydicom import uid
from pynetdicom import sop_class

TRANSFER_SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
    uid.MPEG2MPML,
    uid.MPEG2MPHL,
    uid.MPEG4HP41,
    uid.MPEG4HP41BD,
    uid.MPEG4HP422D,
    uid.MPEG4HP423D,
    uid.MPEG4HP42STEREO,
    uid.HEVCMP51,
    uid.HEVCM10P51,
)
"""What a PACS keeps images in. Not those whose pixels are elsewhere (JPIP) or are a live stream (SMPTE ST 2110)."""

COMMON_CLASSES = (
    sop_class.CTImageStorage,
    sop_class.MRImageStorage,
    sop_class.ComputedRadiographyImageStorage,
    sop_class.DigitalXRayImageStorageForPresentation,
    sop_class.SecondaryCaptureImageStorage,
    sop_class.UltrasoundImageStorage,
    sop_class.UltrasoundMultiFrameImageStorage,
    sop_class.XRayAngiographicImageStorage,
    sop_class.XRayRadiofluoroscopicImageStorage,
    sop_class.DigitalMammographyXRayImageStorageForPresentation,
    sop_class.NuclearMedicineImageStorage,
    sop_class.PositronEmissionTomographyImageStorage,
    sop_class.EnhancedCTImageStorage,
    sop_class.EnhancedMRImageStorage,
    sop_class.BreastTomosynthesisImageStorage,
    sop_class.GrayscaleSoftcopyPresentationStateStorage,
    sop_class.KeyObjectSelectionDocumentStorage,
    sop_class.BasicTextSRStorage,
    sop_class.EnhancedSRStorage,
    sop_class.ComprehensiveSRStorage,
    sop_class.XRayRadiationDoseSRStorage,
    sop_class.EncapsulatedPDFStorage,
    sop_class.DigitalIntraOralXRayImageStorageForPresentation,
    sop_class.VLPhotographicImageStorage,
    sop_class.VLEndoscopicImageStorage,
)
"""For a PACS that does not say of which SOP class its images are."""

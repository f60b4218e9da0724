"""From files to padded batches: sources, vocabularies, samplers and the Lightning data module."""

from seqtrain.data.augment import RandomAffine, RandomElastic
from seqtrain.data.conllu_file import UPOS, ConlluFile, decode_utf8, read_utf8
from seqtrain.data.corpus import Batching, Corpus, Dataset, Source
from seqtrain.data.datamodule import SequenceDataModule
from seqtrain.data.digits import Digits
from seqtrain.data.error import DataError
from seqtrain.data.image_file import encode_images, read_images
from seqtrain.data.loader import BatchLoader, FixedLoader
from seqtrain.data.mnist import Mnist
from seqtrain.data.sampler import BatchSampler, sorted_batches
from seqtrain.data.samples import sample_dir
from seqtrain.data.treebank import Treebank
from seqtrain.data.vector_dataset import VectorDataset
from seqtrain.data.view import View
from seqtrain.data.word_dataset import WordDataset, encode_sentences
from seqtrain.data.word_vectors import WordVectors, read_word_vectors

__all__ = [
    "UPOS",
    "BatchLoader",
    "BatchSampler",
    "Batching",
    "ConlluFile",
    "Corpus",
    "DataError",
    "Dataset",
    "Digits",
    "FixedLoader",
    "Mnist",
    "RandomAffine",
    "RandomElastic",
    "SequenceDataModule",
    "Source",
    "Treebank",
    "VectorDataset",
    "View",
    "WordDataset",
    "WordVectors",
    "decode_utf8",
    "encode_images",
    "encode_sentences",
    "read_images",
    "read_utf8",
    "read_word_vectors",
    "sample_dir",
    "sorted_batches",
]

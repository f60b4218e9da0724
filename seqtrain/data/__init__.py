"""From files to padded batches: sources, vocabularies and samplers.

The Lightning data module is imported from `seqtrain.data.datamodule`: predicting needs the rest alone.
"""

from seqtrain.data.augment import RandomAffine, RandomElastic
from seqtrain.data.batching.image_dataset import encode_images
from seqtrain.data.batching.loader import BatchLoader, FixedLoader
from seqtrain.data.batching.sampler import BatchSampler, sorted_batches
from seqtrain.data.batching.vector_dataset import VectorDataset
from seqtrain.data.batching.word_dataset import WordDataset, encode_sentences
from seqtrain.data.corpus import Batching, Corpus, Dataset, Source
from seqtrain.data.files.columns import TagColumn
from seqtrain.data.files.conllu import ConlluReader, ConlluSentence
from seqtrain.data.files.images import read_images
from seqtrain.data.files.text import decode_utf8, read_utf8
from seqtrain.data.files.word_vectors import WordVectors, read_word_vectors
from seqtrain.data.sources.digits import Digits
from seqtrain.data.sources.mnist import Mnist
from seqtrain.data.sources.samples import sample_dir
from seqtrain.data.sources.tagged import Tagged
from seqtrain.data.sources.treebank import Treebank
from seqtrain.data.view import View
from seqtrain.errors import DataError

__all__ = [
    "BatchLoader",
    "BatchSampler",
    "Batching",
    "ConlluReader",
    "ConlluSentence",
    "Corpus",
    "DataError",
    "Dataset",
    "Digits",
    "FixedLoader",
    "Mnist",
    "RandomAffine",
    "RandomElastic",
    "Source",
    "TagColumn",
    "Tagged",
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

"""Indexes over the vectors of training items: which kind is used depends on their number.

FAISS compares an item with every vector while they are few, which is exact. From `MOST_COMPARED` on
it follows a graph of neighbours (HNSW; Malkov and Yashunin 2020), which can miss one:
`experiments/benchmarks/` says how often. Linking a graph takes minutes, so it is kept in the user's
cache under a digest of its vectors, and mapped from there instead of read. Counted words are mostly
zeros; where they would take too much memory as dense rows they stay sparse, and the comparison
stays exact.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memalign_bench.backends.cache import cache_dir, make_room

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = [
    "MOST_COMPARED",
    "MOST_DENSE",
    "ROUNDING",
    "ExactIndex",
    "Found",
    "GraphIndex",
    "SparseIndex",
    "VectorIndex",
    "index_of",
]

Found = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Cosines, and the places of the items that they belong to."""

MOST_COMPARED = 100_000
"""Up to so many items, a query is compared with each."""

MOST_DENSE = 50_000_000
"""Up to so many numbers (200 MB), vectors of counted words are held as dense rows."""

_GRAPH_LINKS, _BUILD_WIDTH, _SEARCH_WIDTH = 24, 64, 64
"""Of the graph: links of a vector, and candidates kept while building and while searching."""

_MIN_CANDIDATES = 256
"""Neighbours that an exact search asks for at least, where there are so many."""

_MAX_CACHE_BYTES = 16_000_000_000
"""Bytes of graphs in the user's cache; one of a million vectors of 384 numbers takes 2 GB."""

ROUNDING = 1e-6
"""Cosines that are nearer to one another may tie once they are rounded."""


class VectorIndex(Protocol):
    """Unit vectors of training items."""

    def search(self, query: Any, wanted: int) -> Found:
        """Items with their cosines, in no order: all of them, or at least the `wanted` nearest."""

    def everything(self, query: Any) -> Found:
        """Every item with its cosine, in no order."""

    def rows(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Dense vectors of the items at these places."""


@dataclass(frozen=True, eq=False)
class ExactIndex:
    """`faiss.IndexFlatIP`: every vector is compared.

    Attributes:
        faiss_index: The library's index.
    """

    faiss_index: Any

    def search(self, query: Any, wanted: int) -> Found:
        """The nearest, and all that tie with the last of them when cosines are rounded."""
        count = max(_MIN_CANDIDATES, 2 * wanted)
        while count < self.faiss_index.ntotal:
            cosines, places = self._search(query, count)
            # FAISS gives them falling: if the last is clearly below the last wanted, no tie is
            # missing.
            if cosines[-1] < cosines[wanted - 1] - ROUNDING:
                return cosines, places
            # Ties reach beyond what was asked for: ask for more, so that the caller can break them
            # by id.
            count *= 4
        return self.everything(query)

    def everything(self, query: Any) -> Found:
        """Every item with its cosine."""
        return self._search(query, self.faiss_index.ntotal)

    def _search(self, query: Any, count: int) -> Found:
        cosines, places = self.faiss_index.search(np.ascontiguousarray(query), count)
        return cosines[0].astype(np.float64), places[0]

    def rows(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Dense vectors."""
        all_rows: NDArray[np.float32] = self.faiss_index.reconstruct_n(0, self.faiss_index.ntotal)
        return all_rows[places]


@dataclass(frozen=True, eq=False)
class GraphIndex:
    """`faiss.IndexHNSWFlat`: a search goes from neighbour to neighbour.

    Attributes:
        faiss_index: The library's index.
    """

    faiss_index: Any

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> GraphIndex:
        """The graph of these vectors: linked, or the one in the cache that was linked before."""
        path = _graph_file(vectors)
        with suppress(OSError, RuntimeError):  # not there, or a part of one
            return cls(_open_mapped(path))
        graph = _link_graph(vectors)
        with suppress(OSError, RuntimeError):  # no room, or no right to write: held in memory
            _write_to_cache(graph, path)
            return cls(_open_mapped(path))
        return cls(graph)

    def search(self, query: Any, wanted: int) -> Found:
        """The nearest that the graph leads to."""
        import faiss

        library: Any = faiss  # its stubs lack the class
        count = max(wanted, _SEARCH_WIDTH)
        # For this search alone: `hnsw.efSearch` of the index would be set for all threads.
        params = library.SearchParametersHNSW(efSearch=count)
        return self._search(self.faiss_index, query, count, params=params)

    def everything(self, query: Any) -> Found:
        """Every item with its cosine: each is compared."""
        import faiss

        # The vectors behind the graph, which SWIG hands over as a plain `Index`.
        vectors = faiss.downcast_index(self.faiss_index.storage)
        return self._search(vectors, query, self.faiss_index.ntotal)

    @staticmethod
    def _search(index: Any, query: Any, count: int, **options: Any) -> Found:
        cosines, places = index.search(np.ascontiguousarray(query), count, **options)
        reached = places[0] >= 0  # the graph may lead to fewer
        return cosines[0][reached].astype(np.float64), places[0][reached]

    def rows(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Dense vectors."""
        dense_rows: NDArray[np.float32] = self.faiss_index.reconstruct_batch(places)
        return dense_rows


def _link_graph(vectors: NDArray[np.float32]) -> Any:
    """Link a graph on one thread: on several it would be another one each time."""
    import faiss

    index = faiss.IndexHNSWFlat(vectors.shape[1], _GRAPH_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _BUILD_WIDTH
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index.add(np.ascontiguousarray(vectors))
    finally:
        faiss.omp_set_num_threads(threads)
    return index


def _graph_file(vectors: NDArray[np.float32]) -> Path:
    """The file of a graph, named by all that it depends on: vectors, settings, FAISS's version."""
    import faiss

    # The shape as well: the same bytes cut into other rows are other vectors.
    description = f"{faiss.__version__} {_GRAPH_LINKS} {_BUILD_WIDTH} {vectors.shape}"
    digest = hashlib.sha256(description.encode())
    digest.update(np.ascontiguousarray(vectors).data)
    return cache_dir() / "graphs" / f"{digest.hexdigest()}.faiss"


def _open_mapped(path: Path) -> Any:
    """The graph in a file, mapped: pages come into memory as a search touches them.

    Raises:
        OSError: If there is none.
        RuntimeError: If it is cut short.
    """
    import faiss

    library: Any = faiss  # its stubs lack the flag
    os.utime(path)  # used now; there is none: FAISS would print that
    return library.read_index(str(path), library.IO_FLAG_MMAP_IFC)


def _write_to_cache(index: Any, path: Path) -> None:
    """Write a graph to the user's cache, and remove the oldest graphs beyond its limit."""
    import faiss

    path.parent.mkdir(parents=True, exist_ok=True)
    # Renamed when complete: another process may read or write the same graph.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        faiss.write_index(index, str(part))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    make_room(path.parent, _MAX_CACHE_BYTES)


@dataclass(frozen=True, eq=False)
class SparseIndex:
    """Rows that are mostly zeros; every one is compared.

    Attributes:
        matrix: Unit rows, shape (n_items, width).
    """

    matrix: csr_matrix

    def search(self, query: Any, wanted: int) -> Found:
        """Every item."""
        del wanted
        return self.everything(query)

    def everything(self, query: Any) -> Found:
        """Every item with its cosine."""
        # Sparse times sparse touches only the terms that both have.
        cosines = (self.matrix @ query.T).toarray()[:, 0].astype(np.float64)
        return cosines, np.arange(len(cosines))

    def rows(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Dense vectors."""
        dense_rows: NDArray[np.float32] = self.matrix[places].toarray()
        return dense_rows


def index_of(vectors: Any) -> VectorIndex:
    """The index for unit vectors, dense or sparse, shape (n_items, width)."""
    if not isinstance(vectors, np.ndarray):
        return SparseIndex(vectors)
    # Dense and many: approximate, by a graph.
    if len(vectors) > MOST_COMPARED:
        return GraphIndex.of(vectors)
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    return ExactIndex(index)

# xmr on a CPU: docker build -t xmr . && docker run --rm -v "$PWD:/data" -w /data xmr predict runs/amp new.fasta
FROM python:3.11-slim
RUN useradd --create-home user && apt-get update && apt-get install --yes --no-install-recommends libsndfile1 \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml constraints.txt README.md LICENSE /source/
COPY xmr /source/xmr
COPY recipes /source/recipes
COPY results/papers /source/results/papers
RUN pip install --no-cache-dir --constraint /source/constraints.txt '/source[all]' && rm -rf /source
USER user
ENTRYPOINT ["xmr"]

"""Right answers to A2 in other styles than the reference's."""

from answers import style

RIGHT = [
    style(
        "differences of everything",
        "nearest_codes",
        """
        def nearest_codes(latents, codebook):
            apart = latents[:, None] - codebook[None, :, :, None, None]
            return apart.pow(2).sum(dim=2).argmin(dim=1)
        """,
    ),
    style(
        "einsum, centred",
        "nearest_codes",
        """
        def nearest_codes(latents, codebook):
            middle = codebook.mean(dim=0)
            codes = codebook - middle
            z = latents - middle[:, None, None]
            product = torch.einsum("bdhw,kd->bkhw", z, codes)
            lengths = torch.einsum("kd,kd->k", codes, codes)
            return (lengths[:, None, None] - 2 * product).min(dim=1).indices
        """,
    ),
    style(
        "loops in double precision",
        "nearest_codes",
        """
        def nearest_codes(latents, codebook):
            batch, dim, height, width = latents.shape
            found = torch.zeros(batch, height, width, dtype=torch.long)
            for b in range(batch):
                for i in range(height):
                    for j in range(width):
                        z = latents[b, :, i, j].double()
                        d = [(z - e.double()).norm() for e in codebook]
                        found[b, i, j] = min(range(len(d)), key=d.__getitem__)
            return found
        """,
    ),
    style(
        "where before anything else",
        "quantize_padded",
        """
        def quantize_padded(latents, codebook, indices, valid, commitment_weight):
            keep = valid[:, None]
            zero = torch.zeros_like(latents)
            z = torch.where(keep, latents, zero)
            e = torch.where(keep, codebook[indices], zero)
            through = e.detach() + (z - z.detach())
            scale = valid.sum() * latents.shape[1]
            loss = ((e - z.detach()) ** 2).sum() / scale
            loss = loss + commitment_weight * ((z - e.detach()) ** 2).sum() / scale
            return through, loss
        """,
    ),
    style(
        "loop over tokens",
        "quantize_padded",
        """
        def quantize_padded(latents, codebook, indices, valid, commitment_weight):
            rows, losses = [], []
            for z, k, real in zip(latents, indices.tolist(), valid.tolist()):
                if not real:
                    rows.append(torch.zeros_like(z))
                    continue
                e = codebook[k]
                rows.append(z + (e - z).detach())
                pull = ((e - z.detach()) ** 2).mean()
                losses.append(pull + commitment_weight * ((z - e.detach()) ** 2).mean())
            return torch.stack(rows), sum(losses) / len(losses)
        """,
    ),
    style(
        "index_add and bincount",
        "ema_step",
        """
        @torch.no_grad()
        def ema_step(counts, sums, latents, indices, decay, epsilon):
            taken = torch.bincount(indices, minlength=len(counts)).float()
            gathered = torch.zeros_like(sums).index_add_(0, indices, latents)
            n = torch.lerp(counts, taken, 1 - decay)
            s = torch.lerp(sums, gathered, 1 - decay)
            share = (n + epsilon) / (n + epsilon).sum()
            return n, s, s / (share * n.sum()).unsqueeze(1)
        """,
    ),
    style(
        "loops",
        "ema_step",
        """
        def ema_step(counts, sums, latents, indices, decay, epsilon):
            latents = latents.detach()
            n, s = counts.detach() * decay, sums.detach() * decay
            for z, k in zip(latents, indices.tolist()):
                n[k] += 1 - decay
                s[k] += (1 - decay) * z
            total = float(n.sum())
            codes = []
            for j in range(len(n)):
                weight = (float(n[j]) + epsilon) / (total + len(n) * epsilon) * total
                codes.append(s[j] / weight)
            return [n, s, torch.stack(codes)]
        """,
    ),
    style(
        "a counter and plain numbers",
        "interior_use",
        """
        from collections import Counter

        def interior_use(batches, num_codes, border):
            counts = Counter()
            for tokens in batches:
                for picture in tokens.tolist():
                    for row in picture[border : len(picture) - border]:
                        counts.update(row[border : len(row) - border])
            total = sum(counts.values())
            entropy = -sum(n / total * math.log(n / total) for n in counts.values())
            return len(counts) / num_codes, math.exp(entropy)
        """,
    ),
    style(
        "everything in one tensor",
        "interior_use",
        """
        def interior_use(batches, num_codes, border):
            kept = []
            for tokens in batches:
                _, h, w = tokens.shape
                row = torch.arange(h)[:, None]
                column = torch.arange(w)[None]
                inside = (row >= border) & (row < h - border)
                inside = inside & (column >= border) & (column < w - border)
                kept.append(tokens[:, inside].flatten())
            counts = torch.bincount(torch.cat(kept), minlength=num_codes)
            p = counts[counts > 0].double() / counts.sum()
            return torch.tensor(len(p) / num_codes), 2 ** -(p * p.log2()).sum()
        """,
    ),
    style(
        "loop over codes",
        "restart_dead",
        """
        def restart_dead(counts, sums, dead, latents, draws):
            counts, sums, offers = counts.clone(), sums.clone(), draws.tolist()
            for code in range(len(counts)):
                if dead[code] and offers:
                    sums[code] = latents[offers.pop(0)]
                    counts[code] = 1
            return counts, sums
        """,
    ),
    style(
        "rank by a running sum",
        "restart_dead",
        """
        def restart_dead(counts, sums, dead, latents, draws):
            rank = dead.long().cumsum(dim=0) - 1
            moved = dead & (rank < len(draws))
            offers = latents[draws[rank.clamp(0, len(draws) - 1)]]
            new_sums = torch.where(moved[:, None], offers, sums)
            return torch.where(moved, torch.ones_like(counts), counts), new_sums
        """,
    ),
    style(
        "all distances at once",
        "spread_codes",
        """
        def spread_codes(latents, first, uniforms):
            d = (latents[:, None] - latents[None]).square().sum(dim=2)
            chosen = torch.tensor([first])
            for u in uniforms:
                weight = d[:, chosen].amin(dim=1)
                share = weight.cumsum(dim=0) / weight.sum()
                chosen = torch.cat([chosen, (share <= u).sum()[None]])
            return chosen
        """,
    ),
    style(
        "loops",
        "spread_codes",
        """
        def spread_codes(latents, first, uniforms):
            points, chosen = latents.tolist(), [first]
            for u in uniforms.tolist():
                weights = []
                for a in points:
                    near = min(
                        sum((x - y) ** 2 for x, y in zip(a, points[c])) for c in chosen
                    )
                    weights.append(near)
                target, stairs = u * sum(weights), 0.0
                for i, weight in enumerate(weights):
                    stairs += weight
                    if stairs > target:
                        chosen.append(i)
                        break
            return torch.tensor(chosen)
        """,
    ),
]

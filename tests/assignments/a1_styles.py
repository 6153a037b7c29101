"""Right answers to A1 in other styles than the reference's."""

from answers import style

RIGHT = [
    style(
        "einsum",
        "class_cosines",
        """
        def class_cosines(embeddings, weight):
            x = embeddings / embeddings.norm(dim=1, keepdim=True).clamp(min=1e-12)
            w = weight / weight.norm(dim=1, keepdim=True).clamp(min=1e-12)
            return torch.einsum("nd,cd->nc", x, w)
        """,
    ),
    style(
        "torch's own cosine similarity",
        "class_cosines",
        """
        def class_cosines(embeddings, weight):
            return F.cosine_similarity(embeddings[:, None], weight[None], dim=2)
        """,
    ),
    style(
        "loops",
        "class_cosines",
        """
        def class_cosines(embeddings, weight):
            rows = []
            for x in embeddings:
                row = []
                for w in weight:
                    lengths = x.norm().clamp(min=1e-12) * w.norm().clamp(min=1e-12)
                    row.append((x * w).sum() / lengths)
                rows.append(torch.stack(row))
            return torch.stack(rows)
        """,
    ),
    style(
        "hypotenuse with a mask",
        "stable_angular_margin",
        """
        def stable_angular_margin(cosine, margin):
            inside = cosine.abs() < 1
            safe = torch.where(inside, cosine, torch.zeros_like(cosine))
            root = torch.sqrt((1 - safe) * (1 + safe))
            sine = torch.where(inside, root, torch.zeros_like(root))
            curve = cosine * math.cos(margin) - sine * math.sin(margin)
            line = cosine + math.cos(margin) - 1
            return torch.where(cosine >= -math.cos(margin), curve, line)
        """,
    ),
    style(
        "loop over elements",
        "stable_angular_margin",
        """
        def stable_angular_margin(cosine, margin):
            found = []
            for c in cosine.flatten():
                if c < -math.cos(margin):
                    found.append(c - 1 + math.cos(margin))
                elif c >= 1:
                    found.append(c * math.cos(margin))
                elif c <= -1:
                    found.append(c * math.cos(margin))
                else:
                    root = ((1 - c) * (1 + c)) ** 0.5
                    found.append(c * math.cos(margin) - root * math.sin(margin))
            return torch.stack(found).reshape(cosine.shape)
        """,
    ),
    style(
        "scatter",
        "combined_logits",
        """
        def combined_logits(cosine, advanced, labels, scale, margin):
            known = labels >= 0
            column = labels.clamp(min=0)[:, None]
            paid = advanced.gather(1, column) - margin
            kept = cosine.gather(1, column)
            chosen = torch.where(known[:, None], paid, kept)
            return scale * cosine.scatter(1, column, chosen)
        """,
    ),
    style(
        "loops",
        "combined_logits",
        """
        def combined_logits(cosine, advanced, labels, scale, margin):
            logits = scale * cosine.clone()
            for row, label in enumerate(labels.tolist()):
                if label != -1:
                    logits[row, label] = scale * (advanced[row, label] - margin)
            return logits
        """,
    ),
    style(
        "float one-hot",
        "combined_logits",
        """
        def combined_logits(cosine, advanced, labels, scale, margin):
            right = (labels[:, None] == torch.arange(cosine.shape[1])).float()
            return scale * (right * (advanced - margin) + (1 - right) * cosine)
        """,
    ),
    style(
        "bisection",
        "cosface_border",
        """
        def cosface_border(between, margin):
            def lead(theta):
                return math.cos(theta) - margin - math.cos(between - theta)

            if lead(0.0) < 0:
                return None
            low, high = 0.0, between
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if lead(middle) > 0 else (low, middle)
            return low
        """,
    ),
    style(
        "phase and amplitude",
        "cosface_border",
        """
        def cosface_border(between, margin):
            if 1 - margin < math.cos(between):
                return None
            a, b = 1 - math.cos(between), -math.sin(between)
            theta = math.acos(margin / math.hypot(a, b)) + math.atan2(b, a)
            return torch.tensor(theta)
        """,
    ),
    style(
        "autograd as a witness",
        "arcface_gradient",
        """
        def arcface_gradient(cosine, labels, scale, margin):
            with torch.enable_grad():
                c = cosine.detach().double().requires_grad_()
                moved = torch.cos(torch.acos(c) + margin)
                right = F.one_hot(labels, c.shape[1]).bool()
                loss = F.cross_entropy(scale * torch.where(right, moved, c), labels)
                return torch.autograd.grad(loss, c)[0]
        """,
    ),
    style(
        "loops",
        "arcface_gradient",
        """
        def arcface_gradient(cosine, labels, scale, margin):
            n, classes = cosine.shape
            gradient = torch.zeros(n, classes)
            for i in range(n):
                y = int(labels[i])
                logits = [scale * float(c) for c in cosine[i]]
                theta = math.acos(float(cosine[i, y]))
                logits[y] = scale * math.cos(theta + margin)
                top = max(logits)
                weights = [math.exp(logit - top) for logit in logits]
                for j in range(classes):
                    p = weights[j] / sum(weights)
                    gradient[i, j] = scale * p / n
                    if j == y:
                        slope = math.sin(theta + margin) / math.sin(theta)
                        gradient[i, j] = scale * (p - 1) * slope / n
            return gradient
        """,
    ),
    style(
        "chord for the angle",
        "largest_margin",
        """
        def largest_margin(weight):
            unit = F.normalize(weight, dim=1)
            chord = (unit[:, None] - unit[None]).norm(dim=2)
            chord.fill_diagonal_(2.0)
            first, second = divmod(int(chord.argmin()), len(weight))
            margin = 2 * torch.asin(chord.min() / 2)
            return margin, (min(first, second), max(first, second))
        """,
    ),
    style(
        "loops and the arc tangent",
        "largest_margin",
        """
        def largest_margin(weight):
            best, pair = math.inf, (0, 1)
            for j in range(len(weight)):
                for i in range(j):
                    a = weight[i] / weight[i].norm()
                    b = weight[j] / weight[j].norm()
                    aside, along = float((a - b).norm()), float((a + b).norm())
                    angle = 2 * math.atan2(aside, along)
                    if angle < best:
                        best, pair = angle, (i, j)
            return best, pair
        """,
    ),
]
